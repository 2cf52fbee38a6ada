//! Which stream a record belongs to, told from its members.
//!
//! The rules are data (`recognition.json`); this file only applies them, in a fixed order:
//! section of a composite, diagnostic-settings envelope, Log Analytics row, Office 365 record,
//! Windows event, artifacts of servers, `@odata.context` and `@odata.type`, Graph member sets.
//! Member names compare case-insensitively without spaces. The same pass proves that the bytes
//! are one JSON value; nothing is built.

mod look;
mod looker;
mod rules;

pub use looker::Looker;
pub use rules::{Rules, Shape};

use crate::catalogue::{Source, Stream};
use look::{Seen, look, objects};
use rules::Slot;
use serde::de::IgnoredAny;

/// What is known about a record from the place where it stands.
#[derive(Clone, Debug, Default)]
pub struct Hint {
    /// Dataset of the section of a PowerShell composite.
    pub section: Option<String>,
    /// `@odata.context` of the envelope, as it came.
    pub context: Option<String>,
    /// Table name of a Log Analytics answer.
    pub table: Option<String>,
    /// The record is a CSV row: values are strings, Graph member names mean a portal download.
    pub row: bool,
}

/// What a record is.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'r> {
    /// It belongs to a stream.
    Known(Stream),
    /// One of its members is a record of a stream, wrapped by another tool.
    Inner(Stream, &'r str),
    /// Valid JSON of no known kind.
    Unknown,
    /// Not one JSON value.
    Invalid,
}

/// Judges one JSON text.
pub fn record<'r>(rules: &Rules, json: &'r str, hint: &Hint) -> Verdict<'r> {
    verdict(rules, json, look(rules, json).as_ref(), hint)
}

/// Judges one JSON text of a file, and tells how many opening brackets it has at least where it is an
/// object: no less than its depth.
pub fn record_of<'r>(
    looker: &mut Looker,
    rules: &Rules,
    json: &'r str,
    hint: &Hint,
) -> (Verdict<'r>, Option<usize>) {
    let looked = looker.look(rules, json);
    let brackets = looked.as_ref().map(|looked| looked.brackets);
    (verdict(rules, json, looked.as_ref().map(|looked| &looked.seen), hint), brackets)
}

fn verdict<'r>(rules: &Rules, json: &'r str, seen: Option<&Seen<'r>>, hint: &Hint) -> Verdict<'r> {
    let Some(seen) = seen else {
        // Not an object: valid or not, it is no record.
        return match serde_json::from_str::<IgnoredAny>(json) {
            Ok(_) => Verdict::Unknown,
            Err(_) => Verdict::Invalid,
        };
    };
    if let Some(stream) = stream(rules, seen, hint) {
        return Verdict::Known(stream);
    }
    if hint.row {
        return Verdict::Unknown;
    }
    unwrap(rules, json).map_or(Verdict::Unknown, |(stream, inner)| Verdict::Inner(stream, inner))
}

/// Whether a CSV file with these columns holds rows of a known kind.
pub fn header<'n>(rules: &Rules, names: impl IntoIterator<Item = &'n str>) -> bool {
    stream(rules, &columns(rules, names), &Hint { row: true, ..Hint::default() }).is_some()
}

/// The portal download that has these columns, if any. `file` is its name.
pub fn portal<'n>(rules: &Rules, names: impl IntoIterator<Item = &'n str>, file: &str) -> Option<Stream> {
    let seen = columns(rules, names);
    let fits = |shape: &&Shape| {
        shape.fits(&seen.bits, |_| None)
            && shape.file.as_ref().is_none_or(|part| file.contains(part.as_str()))
    };
    rules.portal.iter().find(fits).map(|shape| Stream::new(Source::Portal, shape.dataset.as_str()))
}

fn columns<'r, 'n>(rules: &Rules, names: impl IntoIterator<Item = &'n str>) -> Seen<'r> {
    let mut seen = Seen::default();
    for (at, name) in names.into_iter().enumerate() {
        if let Some(member) = rules.member(name) {
            seen.bits.set(member);
        }
        if at == 0 {
            seen.upper = name.starts_with(|c: char| c.is_ascii_uppercase());
        }
    }
    seen
}

fn stream(rules: &Rules, seen: &Seen<'_>, hint: &Hint) -> Option<Stream> {
    // Cmdlets write members in Pascal case; a section of anything else is judged by its members.
    if let Some(dataset) = hint.section.as_ref().filter(|_| seen.upper && plausible(seen)) {
        return Some(Stream::new(Source::PowerShell, dataset.as_str()));
    }
    if let Some(dataset) = diagnostic(rules, seen) {
        return Some(Stream::new(Source::Diagnostic, dataset));
    }
    if let Some(dataset) = table_row(rules, seen, hint) {
        return Some(Stream::new(Source::LogAnalytics, dataset));
    }
    if seen.bits.holds(&rules.office_record) && seen.bits.meets(&rules.office_marks) {
        return Some(Stream::new(Source::O365, office(rules, seen)));
    }
    if seen.bits.holds(&rules.windows_record) && seen.bits.meets(&rules.windows_marks) {
        let provider = seen.text(Slot::Provider).or_else(|| seen.text(Slot::EventSource));
        let channel = seen.text(Slot::Channel).or_else(|| seen.text(Slot::EventLog));
        let event = seen.text(Slot::EventId);
        let dataset = windows(rules, channel.as_deref(), provider.as_deref(), event.as_deref());
        return Some(Stream::new(Source::OnPrem, dataset));
    }
    // Before Graph: objects of Active Directory have members of a Graph user too.
    if let Some(artifact) =
        rules.artifacts.iter().find(|shape| shape.fits(&seen.bits, |slot| seen.text(slot)))
    {
        return Some(Stream::new(Source::OnPrem, artifact.dataset.as_str()));
    }
    if let Some(dataset) = graph(rules, seen, hint) {
        let source = match (seen.upper, hint.row) {
            (true, _) => Source::PowerShell,
            (false, true) => Source::Portal,
            (false, false) => Source::Graph,
        };
        return Some(Stream::new(source, sign_in(dataset, seen)));
    }
    None
}

fn diagnostic<'t>(rules: &'t Rules, seen: &Seen<'_>) -> Option<&'t str> {
    if !seen.bits.holds(&rules.envelope) || !seen.bits.meets(&rules.envelope_marks) {
        return None;
    }
    if let Some(dataset) = seen.text(Slot::Category).and_then(|category| rules.diagnostic.get(&category)) {
        return Some(dataset);
    }
    // The category of an audit record is sometimes the category of its activity.
    let inner = look(rules, seen.raw(Slot::Properties)?)?;
    let shape = rules.diagnostic_shapes.iter().find(|shape| shape.fits(&inner.bits, |_| None))?;
    Some(&shape.dataset)
}

fn table_row<'t>(rules: &'t Rules, seen: &Seen<'_>, hint: &Hint) -> Option<&'t str> {
    if !seen.bits.holds(&rules.table_record) {
        return None;
    }
    for table in [hint.table.as_ref().map(|t| t.to_ascii_lowercase()), seen.text(Slot::Type)] {
        match table.as_deref() {
            Some("officeactivity") => return Some(office(rules, seen)),
            Some(table) if rules.tables.contains_key(table) => {
                return rules.tables.get(table).map(String::as_str);
            }
            _ => {}
        }
    }
    if let Some(dataset) = seen.text(Slot::Category).and_then(|category| rules.diagnostic.get(&category)) {
        return Some(dataset);
    }
    let shape = rules.table_shapes.iter().find(|s| s.fits(&seen.bits, |slot| seen.text(slot)))?;
    match shape.dataset.as_str() {
        "office_activity" => Some(office_row(rules, seen)),
        dataset => Some(sign_in(dataset, seen)),
    }
}

fn office_row<'t>(rules: &'t Rules, seen: &Seen<'_>) -> &'t str {
    match (seen.raw(Slot::RecordType), seen.raw(Slot::Workload), seen.raw(Slot::OfficeWorkload)) {
        (None, None, None) => &rules.office.projection,
        _ => office(rules, seen),
    }
}

/// The content type of an Office 365 audit record.
fn office<'t>(rules: &'t Rules, seen: &Seen<'_>) -> &'t str {
    let by_type = seen.text(Slot::RecordType).and_then(|t| rules.office.record_types.get(&t));
    let workload = seen.text(Slot::Workload).or_else(|| seen.text(Slot::OfficeWorkload));
    let by_workload = workload.and_then(|w| rules.office.workloads.get(&w));
    match (by_type, by_workload) {
        // Events of data-loss prevention carry the workload in which they happened.
        (Some(dataset), _) if dataset == "o365_dlp_all" => dataset,
        (_, Some(dataset)) | (Some(dataset), None) => dataset,
        (None, None) => &rules.office.other,
    }
}

/// The dataset of a Security event that names a program by its path, lower case.
pub fn process<'t>(rules: &'t Rules, path: &str) -> Option<&'t str> {
    let program = path.rsplit(['\\', '/']).next()?;
    rules.windows.processes.get(program).map(String::as_str)
}

/// The dataset of a Windows event. All arguments are lower case.
pub fn windows<'t>(
    rules: &'t Rules,
    channel: Option<&str>,
    provider: Option<&str>,
    event: Option<&str>,
) -> &'t str {
    if let Some(channel) = channel {
        if channel == "security"
            && let Some(dataset) = event.and_then(|id| rules.windows.security.get(id))
        {
            return dataset;
        }
        let by_prefix =
            rules.windows.channels.iter().find(|(prefix, _)| channel.starts_with(prefix.as_str()));
        if let Some((_, dataset)) = by_prefix {
            return dataset;
        }
    }
    provider.and_then(|p| rules.windows.providers.get(p)).unwrap_or(&rules.windows.other)
}

fn graph<'t>(rules: &'t Rules, seen: &Seen<'_>, hint: &Hint) -> Option<&'t str> {
    let own = seen.text(Slot::Context);
    let context = own.or_else(|| hint.context.as_ref().map(|c| c.to_ascii_lowercase()));
    if let Some(dataset) = context.as_deref().and_then(|c| rules.contexts.get(entity_set(c)?)) {
        return Some(dataset);
    }
    if let Some(name) = seen.text(Slot::DataType) {
        let name = name.trim_start_matches('#').trim_start_matches("microsoft.graph.");
        if let Some(dataset) = rules.types.get(name) {
            return Some(dataset);
        }
    }
    let shape = rules.shapes.iter().find(|s| s.fits(&seen.bits, |slot| seen.text(slot)))?;
    plausible(seen).then_some(&shape.dataset)
}

/// Members that are text in every record are no objects: a description of records is none.
fn plausible(seen: &Seen<'_>) -> bool {
    [Slot::Id, Slot::DisplayName, Slot::UserName, Slot::RiskEvent]
        .iter()
        .all(|slot| !seen.raw(*slot).is_some_and(|raw| raw.starts_with(['{', '['])))
}

/// The entity set that a context URL names: what follows `$metadata#`, without the list of
/// selected members and without `/$entity`. A path through a single entity names none.
fn entity_set(context: &str) -> Option<&str> {
    let (_, fragment) = context.split_once("$metadata#")?;
    let fragment = fragment.strip_suffix("/$entity").unwrap_or(fragment);
    match fragment.split_once('(') {
        None => Some(fragment),
        Some((set, rest)) if rest.find(')') == Some(rest.len() - 1) && !rest.starts_with('\'') => Some(set),
        Some(_) => None,
    }
}

/// The kind of a sign-in. Other datasets pass through.
fn sign_in<'t>(dataset: &'t str, seen: &Seen<'_>) -> &'t str {
    if dataset != "signins" {
        return dataset;
    }
    // A record lists one or several types; the first known one decides.
    let types = seen.raw(Slot::SignInTypes).unwrap_or_default().to_ascii_lowercase();
    let first = [
        ("\"interactiveuser\"", "signins_interactive_user"),
        ("\"noninteractiveuser\"", "signins_non_interactive_user"),
        ("\"serviceprincipal\"", "signins_service_principal"),
        ("\"managedidentity\"", "signins_managed_identity"),
    ];
    let named = first.iter().filter_map(|(name, dataset)| Some((types.find(name)?, dataset))).min();
    if let Some((_, dataset)) = named {
        return dataset;
    }
    match (
        seen.text(Slot::ServicePrincipal),
        seen.text(Slot::UserName),
        seen.text(Slot::Interactive).as_deref(),
    ) {
        (Some(_), None, _) => "signins_service_principal",
        (_, _, Some("false")) => "signins_non_interactive_user",
        _ => "signins_interactive_user",
    }
}

/// Another tool's wrapper: exactly one member is an object that is itself a known record.
fn unwrap<'r>(rules: &Rules, json: &'r str) -> Option<(Stream, &'r str)> {
    let mut known = objects(json)?.into_iter().filter_map(|inner| {
        let seen = look(rules, inner)?;
        Some((stream(rules, &seen, &Hint::default())?, inner))
    });
    let one = known.next()?;
    known.next().is_none().then_some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(json: &str) -> String {
        match record(Rules::builtin(), json, &Hint::default()) {
            Verdict::Known(stream) => format!("{}/{}", stream.source.id(), stream.dataset),
            Verdict::Inner(stream, inner) => format!("{}/{} in {inner}", stream.source.id(), stream.dataset),
            Verdict::Unknown => "unknown".into(),
            Verdict::Invalid => "invalid".into(),
        }
    }

    #[test]
    fn seven_envelopes_of_a_sign_in() {
        for (json, expected) in [
            (
                r#"{"createdDateTime":"x","clientAppUsed":"y","isInteractive":false}"#,
                "graph/signins_non_interactive_user",
            ),
            (
                r#"{"createdDateTime":"x","signInEventTypes":["managedIdentity"],"isInteractive":false}"#,
                "graph/signins_managed_identity",
            ),
            (
                r#"{"time":"t","category":"SignInLogs","properties":{}}"#,
                "diagnostic/signins_interactive_user",
            ),
            (
                r#"{"Time":"t","Category":"ServicePrincipalSignInLogs","Properties":{}}"#,
                "diagnostic/signins_service_principal",
            ),
            (
                r#"{"TimeGenerated [UTC]":"t","Type":"AADNonInteractiveUserSignInLogs"}"#,
                "loganalytics/signins_non_interactive_user",
            ),
            (
                r#"{"CreationTime":"t","Operation":"UserLoggedIn","RecordType":15}"#,
                "o365/o365_audit_azureactivedirectory",
            ),
            (
                r#"{"CreatedDateTime":"x","ClientAppUsed":"y","IsInteractive":true}"#,
                "powershell/signins_interactive_user",
            ),
        ] {
            assert_eq!(judge(json), expected, "{json}");
        }
    }

    #[test]
    fn contexts_types_and_wrappers() {
        for (json, expected) in [
            (r#"{"@odata.context":"https://x/v1.0/$metadata#users/$entity","id":"1"}"#, "graph/users"),
            (
                r#"{"@odata.context":"https://x/v1.0/$metadata#users(id,displayName)","id":"1"}"#,
                "graph/users",
            ),
            (r#"{"@odata.context":"https://x/$metadata#users('a')/memberOf","id":"1"}"#, "unknown"),
            (r##"{"@odata.type":"#microsoft.graph.ipNamedLocation","id":"1"}"##, "graph/named_locations"),
            (
                r#"{"rule":"r","log":{"CreationTime":"t","Operation":"o","Workload":"OneDrive"}}"#,
                r#"o365/o365_audit_sharepoint in {"CreationTime":"t","Operation":"o","Workload":"OneDrive"}"#,
            ),
            (r#"{"a":{"userPrincipalName":"x","id":"1"},"b":{"userPrincipalName":"y","id":"2"}}"#, "unknown"),
            (r#"{"id":"1","id":"2","userPrincipalName":"x"}"#, "graph/users"),
            ("[1,2]", "unknown"),
            (r#"{"a":1,}"#, "invalid"),
            (r#"{"a":1} x"#, "invalid"),
        ] {
            assert_eq!(judge(json), expected, "{json}");
        }
    }

    #[test]
    fn windows_events_go_by_channel_then_provider() {
        let rules = Rules::builtin();
        assert_eq!(windows(rules, Some("security"), None, Some("6273")), "nps_mfa_extension");
        assert_eq!(
            windows(rules, Some("security"), Some("ad fs auditing"), Some("1200")),
            "adfs_security_audit"
        );
        assert_eq!(
            windows(rules, Some("microsoft-windows-aad/operational"), None, None),
            "device_registration_evtx"
        );
        assert_eq!(windows(rules, Some("system"), None, None), "windows_events");
    }
}
