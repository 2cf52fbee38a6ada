//! The catalogue against what Microsoft declares: no property without a row, no column without one.

use entra_bundle::catalogue::inventory::{self, Property};
use entra_bundle::catalogue::{Catalogue, Field, Source, Stream, TypeId, fold};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FILE: &str = "src/catalogue/inventory.json";

/// Types that the shared inventory lacks, from Microsoft's pages of the resources.
const FURTHER: &[(&str, &str)] = &[
    (
        "accessPackage",
        "accessPackageAssignmentPolicies accessPackageCatalog accessPackageResourceRoleScopes accessPackagesIncompatibleWith assignmentPolicies catalog catalogId createdBy createdDateTime description displayName id incompatibleAccessPackages incompatibleGroups isHidden isRoleScopesVisible modifiedBy modifiedDateTime resourceRoleScopes uniqueName",
    ),
    ("appConsentRequest", "appDisplayName appId consentType id pendingScopes userConsentRequests"),
    ("attributeSet", "description id maxAttributesPerSet"),
    ("auditActivityType", "activity category id service"),
    (
        "certificateBasedAuthPki",
        "certificateAuthorities deletedDateTime displayName id lastModifiedDateTime status statusDetails",
    ),
    ("continuousAccessEvaluationPolicy", "description displayName groups id isEnabled migrate users"),
    (
        "customSecurityAttributeDefinition",
        "allowedValues attributeSet description id isCollection isSearchable name status type usePreDefinedValuesOnly",
    ),
    ("healthMonitoring.alertConfiguration", "emailNotificationConfigurations id"),
    ("scopedRoleMembership", "administrativeUnitId id roleId roleMemberInfo>identity"),
    (
        "secureScore",
        "activeUserCount averageComparativeScores azureTenantId controlScores createdDateTime currentScore enabledServices id licensedUserCount maxScore vendorInformation",
    ),
    (
        "security.alert",
        "actorDisplayName additionalDataProperty alertPolicyId alertWebUrl assignedTo category classification comments createdDateTime customDetails description detectionSource detectorId determination evidence firstActivityDateTime id incidentId incidentWebUrl investigationState lastActivityDateTime lastUpdateDateTime mitreTechniques productName providerAlertId recommendedActions resolvedDateTime serviceSource severity status systemTags tenantId threatDisplayName threatFamilyName title",
    ),
];

/// Datasets whose type in the catalogue has another name than in Graph.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("healthAlert", "healthMonitoring.alert"),
    ("healthAlertConfiguration", "healthMonitoring.alertConfiguration"),
    ("auditLogQuery", "security.auditLogQuery"),
    ("auditLogRecord", "security.auditLogRecord"),
    ("securityAlert", "security.alert"),
];

/// The inventory file, made of the shared metadata and the lists above.
fn fresh(shared: &Path) -> Value {
    let read = |name: &str| -> BTreeMap<String, Map<String, Value>> {
        serde_json::from_str(&std::fs::read_to_string(shared.join("data").join(name)).unwrap()).unwrap()
    };
    let (properties, types) = (read("graph-properties.json"), read("graph-types.json"));
    let design: Value =
        serde_json::from_str(&std::fs::read_to_string(shared.join("design/datasets.json")).unwrap()).unwrap();
    let further: BTreeMap<&str, &str> = FURTHER.iter().copied().collect();
    let known = |name: &str| properties.contains_key(name) || further.contains_key(name);
    let graph: BTreeSet<&str> = design["datasets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["source"] == "graph")
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    let mut datasets = BTreeMap::new();
    for dataset in Catalogue::builtin().datasets().filter(|one| graph.contains(one.id.as_str())) {
        let other = OTHER_NAMES.iter().find(|(ours, _)| *ours == dataset.record);
        let of = other.map_or(dataset.record.as_str(), |(_, theirs)| theirs);
        assert!(known(of), "{}: Graph declares no type {of}", dataset.id);
        datasets.insert(dataset.id.clone(), of.to_owned());
    }
    assert_eq!(datasets.len(), graph.len());
    let mut members: BTreeMap<String, String> =
        further.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for (name, list) in &properties {
        let mut words: Vec<String> = types[name]["derived"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|derived| derived.as_str())
            .filter(|derived| known(derived))
            .map(|derived| format!("+{derived}"))
            .collect();
        words.extend(list.iter().map(|(member, says)| match says["type"].as_str() {
            Some(of) if known(of) => format!("{member}>{of}"),
            _ => member.clone(),
        }));
        members.insert(name.clone(), words.join(" "));
    }
    json!({
        "source": written()["source"],
        "licence": "MIT (metadata), CC-BY-4.0 (pages); names only",
        "datasets": datasets,
        "columns": columns(&design),
        "inside": written()["inside"],
        "names": written()["names"],
        "types": members,
    })
}

/// What of the file is kept by hand: no metadata lists it.
fn written() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default()
}

/// Headers of flat shapes.
fn columns(design: &Value) -> Value {
    let written = written();
    let mut all = match &written["columns"] {
        Value::Object(all) => Value::Object(all.clone()),
        _ => json!({}),
    };
    all["portal"]["signins_interactive_user"] = design["portal_csv_signin_header"].clone();
    all
}

#[test]
fn the_inventory_is_that_of_the_metadata() {
    let Some(shared) = crate::shared::folder("the_inventory_is_that_of_the_metadata") else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let fresh = serde_json::to_string_pretty(&fresh(&shared)).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == fresh, "{FILE} is stale: run this test with UPDATE_GOLDEN=1");
}

/// Walks type and rows side by side and notes what has no row of its own.
fn without_row(
    of: &str,
    at: TypeId,
    path: &str,
    seen: &mut BTreeSet<(String, TypeId)>,
    out: &mut Vec<String>,
) {
    if !seen.insert((of.to_owned(), at)) {
        return;
    }
    let rows = Catalogue::builtin().record_type(at);
    for Property { name, holds } in inventory::properties(of) {
        let path = format!("{path}/{name}");
        match (rows.fields.get(fold(name).as_str()), holds) {
            (None, _) => out.push(path),
            (Some(Field::Object(inner)), Some(holds)) => without_row(holds, *inner, &path, seen, out),
            (Some(Field::Object(_) | Field::Drop), _) | (Some(_), None) => {}
            // A value row where an object stands: only one that is always dropped explains it.
            (Some(Field::Value { kind, .. }), Some(_)) if *kind == entra_bundle::kind::Kind::Secret => {}
            (Some(_), Some(_)) => out.push(format!("{path} (an object under a value's row)")),
        }
    }
}

/// Every property that Microsoft declares for a collected type has a row, v1.0 and beta, with the
/// members of nested types and of every type that may stand in its place.
#[test]
fn every_declared_property_has_a_row() {
    let catalogue = Catalogue::builtin();
    let (mut missing, mut seen, mut datasets) = (Vec::new(), BTreeSet::new(), 0);
    for dataset in catalogue.datasets() {
        let Some(of) = inventory::root(&dataset.id) else { continue };
        let root = catalogue.root(&Stream::new(Source::Graph, &*dataset.id)).unwrap();
        without_row(of, root, &dataset.id, &mut seen, &mut missing);
        datasets += 1;
    }
    assert!(missing.is_empty(), "{} have no row: {missing:#?}", missing.len());
    assert!(datasets > 110 && seen.len() > 350, "{datasets} datasets, {} types", seen.len());
}

/// Every declared column has a row, also with the suffixes that exports append.
#[test]
fn every_declared_column_has_a_row() {
    let catalogue = Catalogue::builtin();
    let mut missing = Vec::new();
    let mut checked = 0;
    for dataset in catalogue.datasets() {
        for (source, columns) in inventory::columns(&dataset.id) {
            let root = catalogue
                .root(&Stream::new(Source::parse(source).unwrap(), &*dataset.id))
                .unwrap_or_else(|| panic!("{source} {}", dataset.id));
            let rows = catalogue.record_type(root);
            for column in columns {
                checked += 1;
                if column.ends_with("_dynamic") || column.ends_with("_string") {
                    assert!(
                        rows.fields.contains_key(fold(column).as_str()),
                        "{source} {}: {column}",
                        dataset.id
                    );
                    continue;
                }
                if !rows.fields.contains_key(fold(column).as_str()) {
                    missing.push(format!("{source} {}: {column}", dataset.id));
                }
                for other in
                    [format!("{column}_dynamic"), format!("{column}_string"), format!("{column} [UTC]")]
                {
                    assert_eq!(rows.field(&other), rows.field(column), "{other}");
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(checked >= 1_000, "{checked}");
}

/// What stands behind the envelope of a diagnostic setting is the object itself, with a row for each of
/// its properties; the spelling of the envelope does not matter.
#[test]
fn every_envelope_opens_on_a_covered_object() {
    let catalogue = Catalogue::builtin();
    let (mut missing, mut seen, mut opened) = (Vec::new(), BTreeSet::new(), 0);
    for dataset in catalogue.datasets() {
        for source in Source::ALL {
            let Some(member) = inventory::inside(source.id()) else { continue };
            let stream = Stream::new(source, &*dataset.id);
            let known = inventory::columns(&dataset.id).any(|(id, _)| id == source.id());
            let (true, Some(of)) = (known, inventory::root(&dataset.id)) else { continue };
            let rows = catalogue.record_type(catalogue.root(&stream).unwrap());
            let Some(Field::Object(inner)) = rows.field(member) else {
                panic!("{}: no object behind the envelope", dataset.id)
            };
            without_row(of, *inner, &dataset.id, &mut seen, &mut missing);
            opened += 1;
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(opened >= 12, "{opened}");
}

/// Every property that audit records are known to tell of has a row of its own.
#[test]
fn every_told_property_has_a_row() {
    let catalogue = Catalogue::builtin();
    let mut checked = 0;
    for (of, names) in inventory::names() {
        let rows = catalogue.record_type(catalogue.type_named(of).unwrap());
        for name in names {
            assert!(rows.fields.contains_key(fold(name).as_str()), "{of}: {name}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

/// A column that nobody declared is seen: the tests above can fail.
#[test]
fn an_undeclared_column_is_missed() {
    let catalogue = Catalogue::builtin();
    for (source, dataset) in [
        (Source::LogAnalytics, "signins_interactive_user"),
        (Source::Diagnostic, "directory_audits"),
        (Source::O365, "o365_audit_general"),
    ] {
        let rows = catalogue.record_type(catalogue.root(&Stream::new(source, dataset)).unwrap());
        assert!(!rows.fields.contains_key("noonedeclaredthis"), "{dataset}");
    }
}
