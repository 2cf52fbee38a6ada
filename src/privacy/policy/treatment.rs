//! Treatments: a `do` with its parameters, checked for the kind it stands at, and their strictness.

use super::model::{Decoder, Do, Level, Parameters, Unit};
use crate::kind::{Kind, KindSet};

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
    /// Keyed hash of a thumbprint: of as many hex digits as said, or as the value has.
    Hash(Option<u8>),
    /// Fresh token each time.
    Random,
    /// Times move by a secret number of days, at most so many.
    DateShift(u16),
    /// So many leading (positive) or trailing (negative) characters stay.
    Mask(i8),
}

/// Most edges of bands.
const MAX_EDGES: usize = 8;

/// Where bands of numbers begin, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edges {
    count: u8,
    edges: [u64; MAX_EDGES],
}

impl Edges {
    /// Edges of one to eight bands; `None` if they do not ascend.
    pub fn new(given: &[u64]) -> Option<Edges> {
        let fits = (1..=MAX_EDGES).contains(&given.len()) && given.windows(2).all(|pair| pair[0] < pair[1]);
        let mut edges = [0; MAX_EDGES];
        fits.then(|| edges[..given.len()].copy_from_slice(given))?;
        Some(Edges { count: given.len() as u8, edges })
    }

    /// The edges.
    pub fn as_slice(&self) -> &[u64] {
        &self.edges[..usize::from(self.count)]
    }
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
    /// A number reduced to the band it lies in.
    Band(Edges),
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
                (Kind::Certificate, Some(Decoder::Cert) | None) => Treatment::Parse(Decoder::Cert),
                (Kind::Certificate, _) => return Err("`certificate` is parsed `as` cert only".into()),
                (_, Some(Decoder::Cert)) => return Err("`as` cert is for kind `certificate`".into()),
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
                if !matches!(with.len, None | Some(40 | 64)) {
                    return Err("`len` of `hash` is 40 or 64 hex digits".into());
                }
                Treatment::Hash(with.len)
            }
            Do::Random if RANDOM.contains(kind) => Treatment::Random,
            Do::Random => {
                return Err(format!(
                    "`random` is allowed for {}: kinds that nothing is joined by",
                    list(RANDOM)
                ));
            }
            Do::DateShift => match (kind, with.max_days) {
                (Kind::ProfileTime, Some(days @ 1..=3650)) => Treatment::DateShift(days),
                (Kind::ProfileTime, _) => return Err("`date-shift` needs `max_days` (1 to 3650)".into()),
                _ => {
                    return Err("`date-shift` is allowed for `profile_time` only: times of events stand in the manifest, in text and in the recipient's own logs too".into());
                }
            },
            Do::Mask if !MASK.contains(kind) => {
                return Err(format!(
                    "`mask` is allowed for {} only: part of an identifier still identifies",
                    list(MASK)
                ));
            }
            Do::Mask => match with.keep {
                Some(keep @ (-4..=-1 | 1..=4)) => Treatment::Mask(keep),
                _ => {
                    return Err(
                        "`mask` needs `keep`: 1 to 4 leading characters, or -1 to -4 trailing ones".into()
                    );
                }
            },
            Do::Encrypt => {
                return Err("`encrypt` is not supported: whoever has the key would read every value, and its length shows; use `pseudonymize`, which `entra-bundle reveal` turns back, and encrypt the whole bundle to its recipient".into());
            }
        };
        if kind == Kind::Secret && treatment != Treatment::Drop {
            return Err("`secret` is locked; the only treatment allowed is drop".into());
        }
        if kind == Kind::Certificate
            && !matches!(treatment, Treatment::Drop | Treatment::Redact | Treatment::Parse(Decoder::Cert))
        {
            return Err("the body of a `certificate` never leaves; allowed are drop, redact and parse".into());
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
            ("edges", with.edges.is_some(), &[Do::Generalize]),
            ("max_days", with.max_days.is_some(), &[Do::DateShift]),
            ("keep", with.keep.is_some(), &[Do::Mask]),
            ("len", with.len.is_some(), &[Do::Hash]),
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
            Treatment::Hash(_) => Do::Hash,
            Treatment::Random => Do::Random,
            Treatment::DateShift(_) => Do::DateShift,
            Treatment::Mask(_) => Do::Mask,
        })
    }

    /// The `do` with its parameters, for people: `generalize level=state`.
    pub fn spelled(self) -> String {
        let with = match self {
            Treatment::Generalize(Coarse::Place(level) | Coarse::Agent(level)) => {
                format!(" level={}", word(level))
            }
            Treatment::Generalize(Coarse::Time(unit)) => format!(" unit={}", word(unit)),
            Treatment::Generalize(Coarse::Address { v4, v6 }) => format!(" v4=/{v4} v6=/{v6}"),
            Treatment::Generalize(Coarse::Platform) => " level=major".into(),
            Treatment::Generalize(Coarse::Depth) => " level=depth".into(),
            Treatment::Generalize(Coarse::Band(edges)) => {
                let edges: Vec<String> = edges.as_slice().iter().map(u64::to_string).collect();
                format!(" edges={}", edges.join(","))
            }
            Treatment::DateShift(days) => format!(" max_days={days}"),
            Treatment::Mask(keep) => format!(" keep={keep}"),
            Treatment::Hash(Some(len)) => format!(" len={len}"),
            Treatment::Parse(decoder) => format!(" as={}", word(decoder)),
            _ => String::new(),
        };
        format!("{}{with}", self.id())
    }

    /// Rank: drop > redact > random > generalize, date-shift > pseudonymize, hash > mask > scan > keep.
    /// `parse` stands below `scan`; see [`Treatment::looser_than`].
    fn rank(self) -> u8 {
        match self {
            Treatment::Drop => 8,
            Treatment::Redact => 7,
            Treatment::Random => 6,
            Treatment::Generalize(_) | Treatment::DateShift(_) => 5,
            Treatment::Pseudonymize | Treatment::Hash(_) => 4,
            Treatment::Mask(_) => 3,
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
            (Treatment::DateShift(a), Treatment::DateShift(b)) => a < b,
            (Treatment::Mask(a), Treatment::Mask(b)) => a.signum() != b.signum() || a.abs() > b.abs(),
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

/// Kinds that `random` may stand at: tokens of their own, no part of a composite, nothing joins by them.
const RANDOM: KindSet = KindSet::of(&[
    Kind::NamePart,
    Kind::Job,
    Kind::FreeAttribute,
    Kind::Puid,
    Kind::HardwareId,
    Kind::GroupName,
    Kind::AppName,
    Kind::PolicyName,
    Kind::MacAddress,
]);

/// Kinds that `mask` may stand at: no identifiers.
const MASK: KindSet = KindSet::of(&[Kind::Phone, Kind::PostalAddress, Kind::Country, Kind::Job, Kind::Place]);

fn list(kinds: KindSet) -> String {
    kinds.iter().map(Kind::id).collect::<Vec<_>>().join(", ")
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
        Kind::Fact | Kind::Asn => match with.edges.as_deref().and_then(Edges::new) {
            Some(edges) => Ok(Coarse::Band(edges)),
            None => refuse("`edges`: one to eight ascending numbers at which bands begin"),
        },
        _ => Err(format!(
            "`{kind}` cannot be generalized; it can for place, event_time, profile_time, ip_address, risk_ip, network, user_agent, platform, dn, fact and asn"
        )),
    }
}

/// The word of a closed choice as policies write it.
fn word(choice: impl serde::Serialize) -> String {
    serde_json::to_value(choice).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
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
            Treatment::Mask(2),
            Treatment::Pseudonymize,
            coarse,
            Treatment::Random,
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
        assert!(!Treatment::Hash(None).looser_than(Treatment::Pseudonymize));
        assert!(
            Treatment::Generalize(Coarse::Time(Unit::Day))
                .looser_than(Treatment::Generalize(Coarse::Time(Unit::Month)))
        );
        assert!(Treatment::Mask(3).looser_than(Treatment::Mask(2)));
        assert!(Treatment::DateShift(10).looser_than(Treatment::DateShift(30)));
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
            Treatment::new(Kind::Upn, Do::Mask, &Parameters::default()).unwrap_err().contains("identifier")
        );
    }
}
