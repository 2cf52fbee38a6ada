//! What a text engine can be without. A test takes each part away and demands that the proof fails: what
//! nothing misses is not tested. The program makes no engine without a part.

use super::rungs::Rung;
use super::span::{Span, What, rank};
use crate::kind::Kind;

/// Parts of the engine beside recognisers of shapes and secrets, whose names are made by `recogniser`.
pub const PARTS: [&str; 16] = [
    "rung percent",
    "rung form",
    "rung json",
    "rung ldap",
    "rung entity",
    "rung quoted",
    "rung wrapped",
    "rung markup",
    "rung wide",
    "base64",
    "json inside text",
    "json as a whole",
    "cut by a mark",
    "cut by a column",
    "learned names",
    "wording",
];

/// The name of a rung.
pub(super) fn of_rung(rung: Rung) -> &'static str {
    match rung {
        Rung::Percent => "rung percent",
        Rung::Form => "rung form",
        Rung::Json => "rung json",
        Rung::Ldap => "rung ldap",
        Rung::Entity => "rung entity",
        Rung::Quoted => "rung quoted",
        Rung::Wrapped => "rung wrapped",
        Rung::Markup => "rung markup",
        Rung::Wide => "rung wide",
    }
}

/// The name of the recogniser that found a span: what it is, and where several find the same, its rank.
pub(super) fn recogniser(span: &Span) -> &'static str {
    match (span.what, span.rank) {
        (What::Secret(what), _) => what,
        (What::Value(Kind::Upn), _) => "address",
        (What::Value(Kind::ObjectId), rank::MAIL) => "object id before an address",
        (What::Value(Kind::ObjectId), _) => "guid",
        (What::Value(Kind::TraceId), _) => "trace id",
        (What::Value(Kind::Dn), _) => "distinguished name",
        (What::Value(Kind::Sid), _) => "sid",
        (What::Value(Kind::EntraSid), _) => "entra sid",
        (What::Value(Kind::Anchor), _) => "anchor",
        (What::Value(Kind::Account), rank::PATH) => "user folder",
        (What::Value(Kind::Account), _) => "netbios account",
        (What::Value(Kind::OrgUnit), _) => "canonical name",
        (What::Value(Kind::Host), _) => "host",
        (What::Value(Kind::Domain | Kind::Partner), _) => "domain",
        (What::Value(Kind::IpAddress), rank::HOST) => "reverse name",
        (What::Value(Kind::IpAddress), _) => "ip address",
        (What::Value(Kind::Network), _) => "network",
        (What::Value(Kind::MacAddress), _) => "mac address",
        (What::Value(Kind::Phone), _) => "phone",
        (What::Value(Kind::Puid), _) => "puid",
        (What::Value(_), _) => "other value",
        (What::Account(_), _) => "netbios account behind more backslashes",
        (What::FoldedAddress(_), _) => "dashed address",
        (What::FoldedUpn, _) => "folded address in a path",
        (What::FoldedHost(_), _) => "folded host",
        (What::Octets(_), _) => "octets behind more backslashes",
        (What::BareAnchor, _) => "anchor without padding",
        (What::Packed, _) => "little-endian hex",
        (What::Fresh(_), _) => "encoded value",
        (What::Keep, _) => "version",
    }
}
