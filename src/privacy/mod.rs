//! Privacy: policy, pseudonyms, the redactor and the leak check.

pub mod account;
pub mod address;
pub mod canon;
pub mod dn;
pub mod domain;
pub mod entities;
pub mod guid;
pub mod key;
pub mod mac;
pub mod proxy_address;
pub mod render;
pub mod sid;
pub mod token;

pub use canon::{canon, canon_domain};
pub use dn::Leaf;
pub use guid::{guid_of_anchor, guid_of_connector, parse_guid};
pub use key::IncidentKey;
pub use sid::guid_of_sid;
pub use token::{Letter, Parts, Pseudonymizer, is_token};
