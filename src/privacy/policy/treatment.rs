//! Treatments: a `do` with its parameters, checked for the kind it stands at, and their strictness.

use super::model::{Decoder, Do, Level, Parameters, Unit};
use crate::kind::Kind;

/// A checked treatment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// Stays inside its grammar.
    Keep,
    /// Removed.
    Drop,
    /// `[redacted:<kind>]`.
    Redact,
    /// Keyed token.
    Pseudonymize,
    /// Coarser value.
    Generalize(Coarse),
    /// Text engine.
    Scan,
    /// Decoded; parts by their own kinds.
    Parse(Decoder),
    /// Keyed hash of a thumbprint.
    Hash,
}

/// What `generalize` does, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coarse {
    /// A place of at most this level.
    Place(Level),
    /// A time cut to the unit.
    Time(Unit),
    /// An address cut to so many bits, then mapped as a network.
    Address {
        /// Bits of IPv4.
        v4: u8,
        /// Bits of IPv6.
        v6: u8,
    },
    /// A user agent reduced to this level.
    Agent(Level),
    /// A platform reduced to system and major version.
    Platform,
    /// A DN reduced to counts.
    Depth,
}

impl Treatment {
    /// Checks `action` with its parameters for values of `kind`. The error says what is allowed.
    pub fn new(kind: Kind, action: Do, with: &Parameters) -> Result<Treatment, String> {
        let treatment = match action {
            Do::Keep => Treatment::Keep,
            Do::Drop => Treatment::Drop,
            Do::Redact => Treatment::Redact,
            Do::Pseudonymize => Treatment::Pseudonymize,
            Do::Scan => Treatment::Scan,
            Do::Generalize => Treatment::Generalize(coarse(kind, with)?),
            Do::Parse => match (kind, with.decode) {
                (Kind::Url, Some(Decoder::Url) | None) => Treatment::Parse(Decoder::Url),
                (Kind::Url, Some(Decoder::Json)) => return Err("`url` is parsed `as` url only".into()),
                (_, Some(Decoder::Json)) => Treatment::Parse(Decoder::Json),
                _ => {
                    return Err("`parse` needs `\"as\": \"json\"` (for kind `url`: `\"as\": \"url\"`)".into());
                }
            },
            Do::Hash => {
                if !matches!(kind, Kind::Thumbprint | Kind::PublicThumbprint) {
                    return Err(
                        "`hash` is allowed for `thumbprint` and `public_thumbprint` only; for other kinds use `pseudonymize`"
                            .into(),
                    );
                }
                Treatment::Hash
            }
            Do::Random | Do::DateShift | Do::Mask | Do::Encrypt => {
                return Err(format!(
                    "`{}` is not supported in this version; supported are keep, drop, redact, pseudonymize, generalize, scan, parse, hash",
                    name(action)
                ));
            }
        };
        if kind == Kind::Secret && treatment != Treatment::Drop {
            return Err("`secret` is locked; the only treatment allowed is drop".into());
        }
        if kind == Kind::Credential && matches!(treatment, Treatment::Scan | Treatment::Parse(_)) {
            return Err(
                "`credential` can be kept inside its grammar, dropped, redacted or pseudonymized".into()
            );
        }
        let used: &[(&str, bool, &[Do])] = &[
            ("level", with.level.is_some(), &[Do::Generalize]),
            ("unit", with.unit.is_some(), &[Do::Generalize]),
            ("v4", with.v4.is_some(), &[Do::Generalize]),
            ("v6", with.v6.is_some(), &[Do::Generalize]),
            ("grammar", with.grammar.is_some(), &[Do::Keep]),
            ("verbatim", with.verbatim.is_some(), &[Do::Keep]),
            ("as", with.decode.is_some(), &[Do::Parse]),
        ];
        for (parameter, present, takes) in used {
            if *present && !takes.contains(&action) {
                let beside: Vec<&str> = takes.iter().map(|one| name(*one)).collect();
                return Err(format!(
                    "`{parameter}` does not belong to `{}`; it stands beside {}",
                    name(action),
                    beside.join(", ")
                ));
            }
        }
        if with.verbatim == Some(true) && with.grammar.is_none() {
            return Err("`verbatim` needs a `grammar`".into());
        }
        Ok(treatment)
    }

    /// The name of its `do`.
    pub const fn id(self) -> &'static str {
        name(match self {
            Treatment::Keep => Do::Keep,
            Treatment::Drop => Do::Drop,
            Treatment::Redact => Do::Redact,
            Treatment::Pseudonymize => Do::Pseudonymize,
            Treatment::Generalize(_) => Do::Generalize,
            Treatment::Scan => Do::Scan,
            Treatment::Parse(_) => Do::Parse,
            Treatment::Hash => Do::Hash,
        })
    }

    /// Rank: drop > redact > generalize > pseudonymize, hash > scan > keep. `parse` stands below
    /// `scan`; see [`Treatment::looser_than`].
    fn rank(self) -> u8 {
        match self {
            Treatment::Drop => 6,
            Treatment::Redact => 5,
            Treatment::Generalize(_) => 4,
            Treatment::Pseudonymize | Treatment::Hash => 3,
            Treatment::Scan => 2,
            Treatment::Parse(_) => 1,
            Treatment::Keep => 0,
        }
    }

    /// Whether this treatment may show more than `other`. `parse` depends on its table: beside
    /// `scan` and `keep` both directions count as looser.
    pub fn looser_than(self, other: Treatment) -> bool {
        match (self, other) {
            (Treatment::Generalize(a), Treatment::Generalize(b)) => a.looser_than(b),
            (Treatment::Parse(a), Treatment::Parse(b)) => a != b,
            (Treatment::Scan | Treatment::Keep, Treatment::Parse(_)) => true,
            (Treatment::Parse(_), Treatment::Scan) => true,
            _ => self.rank() < other.rank(),
        }
    }

    /// The stricter of two treatments.
    pub fn stricter(self, other: Treatment) -> Treatment {
        if self.looser_than(other) { other } else { self }
    }
}

impl Coarse {
    fn looser_than(self, other: Coarse) -> bool {
        let place = |level: Level| match level {
            Level::City => 0,
            Level::State => 1,
            _ => 2,
        };
        match (self, other) {
            (Coarse::Place(a), Coarse::Place(b)) => place(a) < place(b),
            (Coarse::Time(a), Coarse::Time(b)) => a < b,
            (Coarse::Address { v4, v6 }, Coarse::Address { v4: old4, v6: old6 }) => v4 > old4 || v6 > old6,
            (Coarse::Agent(a), Coarse::Agent(b)) => a == Level::Parsed && b == Level::Family,
            _ => self != other,
        }
    }
}

fn coarse(kind: Kind, with: &Parameters) -> Result<Coarse, String> {
    let refuse = |allowed: &str| Err(format!("`generalize` of `{kind}` needs {allowed}"));
    match kind {
        Kind::Place => match with.level {
            Some(level @ (Level::City | Level::State | Level::Country)) => Ok(Coarse::Place(level)),
            _ => refuse("`level`: city, state or country"),
        },
        Kind::EventTime | Kind::ProfileTime => match with.unit {
            Some(unit) => Ok(Coarse::Time(unit)),
            None => refuse("`unit`: hour, day or month"),
        },
        Kind::IpAddress | Kind::RiskIp | Kind::Network => match (with.v4, with.v6) {
            (Some(v4 @ 8..=32), Some(v6 @ 32..=128)) => Ok(Coarse::Address { v4, v6 }),
            _ => refuse("`v4` (8 to 32) and `v6` (32 to 128)"),
        },
        Kind::UserAgent => match with.level {
            Some(level @ (Level::Parsed | Level::Family)) => Ok(Coarse::Agent(level)),
            _ => refuse("`level`: parsed or family"),
        },
        Kind::Platform => match with.level {
            Some(Level::Major) => Ok(Coarse::Platform),
            _ => refuse("`level`: major"),
        },
        Kind::Dn => match with.level {
            Some(Level::Depth) => Ok(Coarse::Depth),
            _ => refuse("`level`: depth"),
        },
        _ => Err(format!(
            "`{kind}` cannot be generalized; it can for place, event_time, profile_time, ip_address, risk_ip, network, user_agent, platform and dn"
        )),
    }
}

const fn name(action: Do) -> &'static str {
    match action {
        Do::Keep => "keep",
        Do::Drop => "drop",
        Do::Redact => "redact",
        Do::Pseudonymize => "pseudonymize",
        Do::Random => "random",
        Do::Generalize => "generalize",
        Do::DateShift => "date-shift",
        Do::Mask => "mask",
        Do::Encrypt => "encrypt",
        Do::Scan => "scan",
        Do::Parse => "parse",
        Do::Hash => "hash",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictness_is_the_documented_order() {
        let coarse = Treatment::Generalize(Coarse::Time(Unit::Day));
        let order = [
            Treatment::Keep,
            Treatment::Scan,
            Treatment::Pseudonymize,
            coarse,
            Treatment::Redact,
            Treatment::Drop,
        ];
        for (at, loose) in order.iter().enumerate() {
            for strict in &order[at + 1..] {
                assert!(loose.looser_than(*strict), "{loose:?} {strict:?}");
                assert!(!strict.looser_than(*loose), "{strict:?} {loose:?}");
                assert_eq!(loose.stricter(*strict), *strict);
            }
            assert!(!loose.looser_than(*loose));
        }
        assert!(!Treatment::Hash.looser_than(Treatment::Pseudonymize));
        assert!(
            Treatment::Generalize(Coarse::Time(Unit::Day))
                .looser_than(Treatment::Generalize(Coarse::Time(Unit::Month)))
        );
        let wide = Treatment::Generalize(Coarse::Address { v4: 32, v6: 48 });
        assert!(wide.looser_than(Treatment::Generalize(Coarse::Address { v4: 24, v6: 48 })));
    }

    #[test]
    fn parameters_belong_to_their_treatment() {
        let level = Parameters { level: Some(Level::State), ..Parameters::default() };
        assert!(Treatment::new(Kind::Place, Do::Generalize, &level).is_ok());
        assert!(Treatment::new(Kind::Place, Do::Keep, &level).unwrap_err().contains("generalize"));
        assert!(Treatment::new(Kind::Upn, Do::Generalize, &level).unwrap_err().contains("place"));
        assert!(
            Treatment::new(Kind::Secret, Do::Keep, &Parameters::default()).unwrap_err().contains("locked")
        );
        assert!(
            Treatment::new(Kind::Upn, Do::Mask, &Parameters::default())
                .unwrap_err()
                .contains("not supported")
        );
    }
}
