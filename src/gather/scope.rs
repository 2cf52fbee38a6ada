//! The scope of an incident: whom and what it concerns. The service applies what it can filter by;
//! all of it is applied here again, to local files too. Values compare in their canonical form.

use crate::catalogue::graph::{Requests, Row};
use crate::catalogue::member::Path as Member;
use crate::catalogue::{Catalogue, Group};
use crate::privacy::canon::canon;
use crate::record::{Form, Raw};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What a scope can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// Users, by UPN or id.
    User,
    /// Applications, by id or name.
    App,
    /// Devices, by id or name.
    Device,
    /// Correlation ids.
    CorrelationId,
    /// Request ids.
    RequestId,
    /// Services or resources.
    Service,
    /// Categories of audits.
    Category,
    /// Activities.
    Activity,
    /// Results: an error code, `success`, `failure`.
    Status,
}

impl Axis {
    /// All of them.
    pub const ALL: [Axis; 9] = [
        Axis::User,
        Axis::App,
        Axis::Device,
        Axis::CorrelationId,
        Axis::RequestId,
        Axis::Service,
        Axis::Category,
        Axis::Activity,
        Axis::Status,
    ];

    /// Its name: that of the flag.
    pub const fn id(self) -> &'static str {
        match self {
            Axis::User => "user",
            Axis::App => "app",
            Axis::Device => "device",
            Axis::CorrelationId => "correlation-id",
            Axis::RequestId => "request-id",
            Axis::Service => "service",
            Axis::Category => "category",
            Axis::Activity => "activity",
            Axis::Status => "status",
        }
    }

    /// The columns of the catalogue that hold it.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Axis::User => &["user", "user_id", "initiator", "target"],
            Axis::App => &["app", "app_id", "application", "service_principal_id"],
            Axis::Device => &["device"],
            Axis::CorrelationId => &["correlation_id"],
            Axis::RequestId => &["request_id"],
            Axis::Service => &["service"],
            Axis::Category => &["category"],
            Axis::Activity => &["activity"],
            Axis::Status => &["status", "error"],
        }
    }

    /// Members of an object by which it is known.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Axis::User => &["id", "userPrincipalName", "mail", "onPremisesUserPrincipalName"],
            Axis::App => &["appId", "displayName", "id"],
            Axis::Device => &["deviceId", "id", "displayName"],
            _ => &[],
        }
    }

    /// The key of the condition in the request table for one value.
    fn condition(self, value: &str) -> &'static str {
        match (self, is_guid(value)) {
            (Axis::User, true) => "userId",
            (Axis::App, true) => "appId",
            (Axis::Device, true) => "deviceId",
            _ => self.id(),
        }
    }
}

/// A scope. Empty, it takes everything.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    axes: BTreeMap<Axis, Values>,
    /// Where the values of an axis stand, by dataset; `None`: the axis says nothing about it.
    places: Arc<Mutex<BTreeMap<(String, Axis), Places>>>,
}

type Places = Option<Arc<Vec<Member>>>;

#[derive(Clone, Debug, Default)]
struct Values {
    /// As they were given, or better known now.
    asked: Vec<String>,
    /// Every canonical form that counts.
    known: BTreeSet<String>,
}

/// What becomes of a scope for one dataset of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Conditions for its filter.
    pub conditions: Vec<String>,
    /// Axes that the service applies.
    pub by_service: Vec<String>,
    /// Axes that are applied here.
    pub here: Vec<String>,
}

impl Scope {
    /// A scope of these values.
    pub fn new(axes: impl IntoIterator<Item = (Axis, Vec<String>)>) -> Scope {
        let axes = axes.into_iter().filter(|(_, values)| !values.is_empty()).map(|(axis, asked)| {
            let known = asked.iter().map(|value| folded(axis, value)).collect();
            (axis, Values { asked, known })
        });
        Scope { axes: axes.collect(), ..Scope::default() }
    }

    /// Whether it takes everything.
    pub fn is_empty(&self) -> bool {
        self.axes.is_empty()
    }

    /// The values of an axis as they were given.
    pub fn asked(&self, axis: Axis) -> &[String] {
        self.axes.get(&axis).map(|values| values.asked.as_slice()).unwrap_or_default()
    }

    /// Other names of a value: its id, by which it is asked from now on, and what else it is called.
    pub fn alias(&mut self, axis: Axis, value: &str, id: &str, names: &[String]) {
        if let Some(values) = self.axes.get_mut(&axis) {
            values.asked.iter_mut().filter(|asked| *asked == value).for_each(|asked| id.clone_into(asked));
            values.known.extend(names.iter().map(String::as_str).chain([id]).map(|name| folded(axis, name)));
        }
    }

    /// What the service can apply of it to a dataset, and what is left to do here.
    pub fn push(&self, catalogue: &Catalogue, row: &Row) -> Pushed {
        let mut pushed = Pushed::default();
        for (axis, values) in &self.axes {
            let conditions: Option<Vec<String>> =
                values.asked.iter().map(|value| condition(row, *axis, value)).collect();
            match conditions {
                Some(conditions) if !conditions.is_empty() => {
                    pushed.by_service.push(axis.id().into());
                    pushed.conditions.push(match conditions.len() {
                        1 => conditions.concat(),
                        _ => format!("({})", conditions.join(" or ")),
                    });
                }
                _ if self.places(catalogue, &row.id, *axis).is_some() => {
                    pushed.here.push(axis.id().into());
                }
                _ => {}
            }
        }
        pushed
    }

    /// Whether a record is inside. A record of a dataset about which an axis says nothing is; so is
    /// text, in which nothing can be looked up.
    pub fn takes(&self, catalogue: &Catalogue, dataset: &str, raw: &Raw) -> bool {
        if self.axes.is_empty() || raw.form() != Form::Json {
            return true;
        }
        self.axes.iter().all(|(axis, values)| {
            let Some(places) = self.places(catalogue, dataset, *axis) else { return true };
            places.iter().flat_map(|place| place.values(raw.bytes())).any(|value| values.takes(*axis, &value))
        })
    }

    fn places(&self, catalogue: &Catalogue, dataset: &str, axis: Axis) -> Places {
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .entry((dataset.to_owned(), axis))
            .or_insert_with(|| {
                let found = catalogue.dataset(dataset)?;
                let paths: Vec<&str> = if matches!(found.group, Group::Logs | Group::OnPremises) {
                    let own =
                        |column: &&crate::catalogue::Column| axis.columns().contains(&column.name.as_str());
                    found
                        .columns
                        .iter()
                        .filter(own)
                        .flat_map(|c| c.paths.iter().map(String::as_str))
                        .collect()
                } else {
                    let row = Requests::builtin().row(dataset)?;
                    row.scope.contains_key(axis.id()).then(|| axis.members().to_vec())?
                };
                (!paths.is_empty()).then(|| Arc::new(paths.into_iter().map(Member::new).collect()))
            })
            .clone()
    }
}

impl Values {
    fn takes(&self, axis: Axis, value: &str) -> bool {
        let value = folded(axis, value);
        if self.known.contains(&value) {
            return true;
        }
        if axis != Axis::Status {
            return false;
        }
        let code = value.parse::<i64>().ok();
        let good = code == Some(0) || value == "success";
        let bad =
            code.is_some_and(|code| code != 0) || matches!(value.as_str(), "failure" | "failed" | "error");
        (good && self.known.contains("success")) || (bad && self.known.contains("failure"))
    }
}

/// The form in which values compare. Activities are written with different dashes.
fn folded(axis: Axis, value: &str) -> String {
    let value = canon(value);
    if axis == Axis::Activity { value.replace(['–', '—'], "-") } else { value }
}

fn condition(row: &Row, axis: Axis, value: &str) -> Option<String> {
    let template = row.scope.get(axis.condition(value))?;
    if template.contains("{n}") {
        let number = value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty();
        return number.then(|| template.replace("{n}", value));
    }
    // Names of users and applications are stored in lower case where the service compares bytes.
    let value = if axis == Axis::User { canon(value) } else { value.to_owned() };
    Some(template.replace("{}", &format!("'{}'", value.replace('\'', "''"))))
}

/// Whether a text is a GUID.
pub fn is_guid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRETA: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    fn scope(axis: Axis, values: &[&str]) -> Scope {
        Scope::new([(axis, values.iter().map(|value| (*value).to_owned()).collect())])
    }

    fn pushed(scope: &Scope, id: &str) -> Pushed {
        scope.push(Catalogue::builtin(), Requests::builtin().row(id).unwrap())
    }

    #[test]
    fn the_service_filters_what_it_can() {
        let user = scope(Axis::User, &["Greta.O'Hara@contoso.com"]);
        let signins = pushed(&user, "signins_interactive_user");
        assert_eq!(signins.conditions, ["userPrincipalName eq 'greta.o''hara@contoso.com'"]);
        assert_eq!((signins.by_service, signins.here), (vec!["user".to_owned()], vec![]));
        // Audits know users as initiator and as target; only the id can be asked for on both sides.
        assert_eq!(pushed(&user, "directory_audits").here, ["user"]);
        let id = scope(Axis::User, &[GRETA]);
        assert!(
            pushed(&id, "directory_audits").conditions[0].contains("targetResources/any(t: t/id eq '0f8f")
        );
        let status = scope(Axis::Status, &["50126", "50053"]);
        assert_eq!(
            pushed(&status, "signins_interactive_user").conditions,
            ["(status/errorCode eq 50126 or status/errorCode eq 50053)"]
        );
        assert_eq!(pushed(&scope(Axis::Status, &["failure"]), "signins_interactive_user").here, ["status"]);
        assert_eq!(pushed(&id, "conditional_access_policies"), Pushed::default());
    }

    #[test]
    fn records_are_compared_by_canonical_form_and_alias() {
        let takes = |scope: &Scope, dataset: &str, record: &str| {
            let raw = Raw::new(record.as_bytes().to_vec(), Form::Json);
            scope.takes(Catalogue::builtin(), dataset, &raw)
        };
        let mut user = scope(Axis::User, &["Greta@Contoso.com"]);
        let sign_in = r#"{"userPrincipalName":"greta@contoso.com","userId":"x"}"#;
        let other = format!(r#"{{"userPrincipalName":"jim@contoso.com","userId":"{GRETA}"}}"#);
        assert!(takes(&user, "signins_interactive_user", sign_in));
        assert!(!takes(&user, "signins_interactive_user", &other));
        user.alias(Axis::User, "Greta@Contoso.com", GRETA, &["greta@fabrikam.com".into()]);
        assert!(takes(&user, "signins_interactive_user", &other));
        assert!(pushed(&user, "directory_audits").conditions[0].contains(GRETA));
        assert!(takes(&user, "users", r#"{"id":"y","mail":"GRETA@fabrikam.com"}"#));
        assert!(!takes(&user, "users", r#"{"id":"y","mail":"jim@fabrikam.com"}"#));
        assert!(takes(&user, "conditional_access_policies", r#"{"id":"p"}"#));
        let failed = scope(Axis::Status, &["failure"]);
        assert!(takes(&failed, "signins_interactive_user", r#"{"status":{"errorCode":50126}}"#));
        assert!(!takes(&failed, "signins_interactive_user", r#"{"status":{"errorCode":0}}"#));
        let activity = scope(Axis::Activity, &["Add user - bulk"]);
        assert!(takes(&activity, "directory_audits", r#"{"activityDisplayName":"Add user – bulk "}"#));
    }
}
