//! Every pseudonym that one real value can have: forward for `lookup`, backward for `reveal`.
//!
//! Pseudonyms are a function of (key, kind, value). Where the kind is unknown, all kinds whose shape
//! the value has are tried, so that a bare `gschmidt` gives its account, host and name forms.

use crate::privacy::{Letter, Parts, Pseudonymizer};

/// One pseudonym of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Form {
    /// What the value would be: `upn`, `account`, `host`, …
    pub what: &'static str,
    /// The (part of the) real value.
    pub value: String,
    /// Its pseudonym.
    pub pseudonym: String,
}

/// All pseudonyms of a value and of its parts, the whole value first, without duplicates.
pub fn of(names: &Pseudonymizer, value: &str) -> Vec<Form> {
    let value = value.trim();
    let mut forms = Vec::new();
    let mut add = |what, value: &str, pseudonym: Option<String>| {
        if let Some(pseudonym) = pseudonym.filter(|pseudonym| pseudonym != value) {
            let form = Form { what, value: value.to_owned(), pseudonym };
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    };
    if value.is_empty() {
        return forms;
    }
    add("guid", value, names.guid_text(value));
    add("anchor", value, names.anchor(value));
    add("sid", value, names.sid(value));
    add("address", value, names.address(value));
    add("network", value, value.contains('/').then(|| names.network(value)).flatten());
    add("mac", value, names.mac(value));
    add("thumbprint", value, names.thumbprint(value));
    add(
        "dn",
        value,
        value.contains('=').then(|| names.dn(value, crate::privacy::Leaf::Person, Parts::ALL)).flatten(),
    );
    let shaped = !forms.is_empty();
    let mut add = |what, value: &str, pseudonym: String| {
        let form = Form { what, value: value.to_owned(), pseudonym };
        if !value.is_empty() && form.pseudonym != value && !forms.contains(&form) {
            forms.push(form);
        }
    };
    if let Some((local, domain)) = value.rsplit_once('@') {
        add("upn", value, names.upn(value, Parts::ALL));
        add("account", local, names.account(local));
        add("domain", domain, names.domain(domain));
    } else if let Some((domain, account)) = value.split_once('\\') {
        add("account", value, names.netbios(value, Parts::ALL));
        add("domain", domain, names.token(Letter::D, domain));
        add("account", account, names.account(account));
    } else if !shaped {
        add("account", value, names.account(value));
        add("person_name", value, names.token(Letter::N, value));
        add("host", value, names.host(value));
        add("group_name", value, names.token(Letter::G, value));
        add("org_unit", value, names.token(Letter::O, value));
        add("free_attribute", value, names.token(Letter::A, value));
        // Neither has spaces; a list of forms that cannot be is no help.
        if !value.contains(char::is_whitespace) {
            if !value.contains('.') {
                add("puid", value, names.token(Letter::K, value));
            }
            add("domain", value, names.domain(value));
            if !value.contains('.') {
                add("domain", value, names.token(Letter::D, value));
            }
        }
    }
    forms
}
