//! Scripted faults: what goes wrong, where, and how often.

/// What goes wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This status with this error code; `Retry-After` in seconds where given.
    Status(u16, &'static str, Option<u64>),
    /// The connection breaks in the middle of the body.
    Reset,
    /// The gzip stream ends in the middle.
    Truncated,
    /// A page of HTML with status 200, as a proxy sends it.
    Html,
    /// The next page's token is `null`, which the service then refuses.
    NullSkipToken,
    /// The page token has expired.
    ExpiredSkipToken,
    /// The access token has expired.
    ExpiredToken,
    /// Every record comes twice.
    Duplicates,
    /// The records of the page come in reverse.
    OutOfOrder,
    /// A record of so many bytes is added.
    Huge(usize),
    /// Enum members that nobody knows, and a member that nobody declared.
    Unknown,
    /// The next page lies on another host.
    ForeignLink,
    /// The `Date` of the answer is off by an hour.
    ClockSkew,
    /// No answer at all: the connection is closed.
    Hangup,
}

/// A scripted fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What the path of the request contains.
    pub path: &'static str,
    /// From which matching request on, counted from 1.
    pub from: u64,
    /// For how many of them.
    pub times: u64,
    /// What goes wrong.
    pub kind: Kind,
}

impl Fault {
    /// A fault at the `from`-th request whose path contains `path`, `times` times.
    pub fn new(path: &'static str, from: u64, times: u64, kind: Kind) -> Self {
        Fault { path, from, times, kind }
    }
}
