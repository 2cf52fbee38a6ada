//! Privacy: policy, pseudonyms, the redactor and the leak check.
//!
//! [`IncidentKey`] and [`Pseudonymizer`] make tokens; [`Policy`] and [`Rules`] say what happens to
//! each kind and field; [`Redactor`] rewrites records with the
//! learned [`Dictionary`].

pub mod account;
pub mod address;
pub mod canon;
mod certificate;
pub mod collision;
pub mod compare;
pub mod coverage;
pub mod dictionary;
pub mod dn;
pub mod domain;
pub mod entity;
pub mod explain;
mod fold;
mod frequency;
pub mod generalize;
pub mod guid;
pub mod guid_decision;
pub mod hardness;
mod identifiable;
pub mod key;
pub mod leak;
pub mod learn;
pub mod lint;
mod lookup;
pub mod mac;
pub mod people;
pub mod plan;
pub mod policy;
pub mod proxy_address;
pub mod redactor;
pub mod render;
pub mod renderer;
pub mod report;
pub mod rewrite;
pub mod rules;
pub mod sample;
pub mod secrets;
pub mod sid;
pub mod survey;
pub mod tally;
pub mod text;
pub mod token;

pub mod visit;
pub mod vocabulary;

pub use canon::{canon, canon_domain};
pub use dictionary::Dictionary;
pub use dn::Leaf;
pub use guid::{guid_of_anchor, guid_of_connector, parse_guid};
pub use key::IncidentKey;
pub use leak::{Leak, LeakCheck};
pub use learn::Learner;
pub use lookup::fold_word;
pub use policy::Policy;
pub use redactor::{Redactor, empty_record, xml_frame};
pub use renderer::Renderer;
pub use report::{Projection, RedactionReport, SchemaInventory};
pub use rules::Rules;
pub use sid::guid_of_sid;
pub use tally::Tally;
pub use text::TextEngine;
pub use token::{Letter, Parts, Pseudonymizer, is_token};
pub use visit::Visitor;
pub use vocabulary::stopwords_digest;
