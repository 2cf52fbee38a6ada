//! `when`: an exception that holds only where a member beside the selected one has a certain value.

use super::model::When;
use crate::catalogue::fold;
use std::borrow::Cow;

/// A parsed condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    sibling: String,
    equals: Vec<String>,
}

/// Whether a condition holds in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// The sibling has one of the values.
    Yes,
    /// It has another one, or is absent.
    No,
    /// It occurs more than once, with and without such a value.
    Unclear,
}

impl Condition {
    /// Checks what is written. The error says what is allowed.
    pub fn parse(when: &When) -> Result<Condition, String> {
        let name = when.sibling.strip_prefix("../").unwrap_or_default();
        if name.is_empty() || name.contains('/') || name.contains(['*', '{', '}']) {
            return Err(
                "`when` names a member beside the selected one: `\"sibling\": \"../<member>\"`".into()
            );
        }
        let equals = when.equals.as_slice();
        if equals.is_empty() || equals.len() > 64 || equals.iter().any(|one| one.trim().is_empty()) {
            return Err("`equals` holds one to 64 values, none of them empty".into());
        }
        Ok(Condition {
            sibling: fold(name),
            equals: equals.iter().map(|one| one.trim().to_owned()).collect(),
        })
    }

    /// The folded name of the member that is asked.
    pub fn sibling(&self) -> &str {
        &self.sibling
    }

    /// Whether it holds beside these members: folded names and plain values.
    pub fn holds(&self, members: &[(String, Cow<'_, str>)]) -> Holds {
        let mut values = members
            .iter()
            .filter(|(name, _)| *name == self.sibling)
            .map(|(_, value)| self.equals.iter().any(|one| one.eq_ignore_ascii_case(value.trim())));
        match values.next() {
            None => Holds::No,
            Some(first) if values.any(|other| other != first) => Holds::Unclear,
            Some(true) => Holds::Yes,
            Some(false) => Holds::No,
        }
    }

    /// In words: `../category is UserManagement or RoleManagement`.
    pub fn spelled(&self) -> String {
        format!("../{} is {}", self.sibling, self.equals.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Texts;
    use super::*;

    fn condition(sibling: &str, equals: &[&str]) -> Result<Condition, String> {
        let equals = Texts::Many(equals.iter().map(|one| (*one).to_owned()).collect());
        Condition::parse(&When { sibling: sibling.into(), equals })
    }

    #[test]
    fn a_condition_compares_without_case_and_doubts_what_contradicts_itself() {
        let condition = condition("../Display Name", &["Department", "jobTitle"]).unwrap();
        let holds = |values: &[&str]| {
            let members: Vec<(String, Cow<'_, str>)> =
                values.iter().map(|value| ("displayname".to_owned(), Cow::Borrowed(*value))).collect();
            condition.holds(&members)
        };
        assert_eq!(holds(&["department "]), Holds::Yes);
        assert_eq!(holds(&["Departments"]), Holds::No);
        assert_eq!(holds(&[]), Holds::No);
        assert_eq!(holds(&["JobTitle", "Department"]), Holds::Yes);
        assert_eq!(holds(&["JobTitle", "City"]), Holds::Unclear);
    }

    #[test]
    fn what_names_no_sibling_or_no_value_is_refused() {
        for sibling in ["name", "../", "../a/b", "../../a", "../*"] {
            assert!(condition(sibling, &["x"]).is_err(), "{sibling}");
        }
        assert!(condition("../a", &[]).is_err() && condition("../a", &[" "]).is_err());
    }
}
