//! Privacy: policy, pseudonyms, the redactor and the leak check.

pub mod account;
pub mod address;
pub mod canon;
pub mod dictionary;
pub mod dn;
pub mod domain;

pub mod entity;
pub mod guid;
pub mod hardness;
pub mod key;
pub mod leak;
pub mod learn;
mod lookup;
pub mod mac;
pub mod people;
pub mod proxy_address;
pub mod render;
pub mod secrets;
pub mod sid;
pub mod text;
pub mod token;
pub mod vocabulary;

pub use canon::{canon, canon_domain};
pub use dictionary::Dictionary;
pub use dn::Leaf;
pub use guid::{guid_of_anchor, guid_of_connector, parse_guid};
pub use key::IncidentKey;
pub use learn::Learner;
pub use lookup::fold_word;
pub use sid::guid_of_sid;
pub use text::TextEngine;
pub use token::{Letter, Parts, Pseudonymizer, is_token};
