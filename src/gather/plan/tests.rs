use super::*;
use crate::catalogue::graph::Requests;

fn row(id: &str) -> &'static Row {
    Requests::builtin().row(id).unwrap()
}

fn known(permissions: &[&str], delegated: bool, licence: Option<Licence>) -> Known {
    let mut claims = Claims::default();
    if delegated {
        claims.scp = Some(permissions.join(" "));
    } else {
        claims.roles = permissions.iter().map(|p| (*p).to_owned()).collect();
    }
    Known {
        claims: Some(claims),
        licence,
        cloud: "global".into(),
        from: None,
        now: "2026-11-20T00:00:00Z".parse().unwrap(),
    }
}

const MOST: SignedDuration = SignedDuration::from_mins(30);

/// The documented outcomes: permission × licence × log (reference-reports-data-retention, signIn list,
/// provisioningObjectSummary list, riskDetection list).
#[test]
fn permission_and_licence_decide_as_documented() {
    let log = "AuditLog.Read.All";
    for (id, permissions, licence, reason, add) in [
        ("signins_interactive_user", &[log][..], Licence::Free, Some(Reason::Licence), None),
        ("signins_interactive_user", &[log], Licence::P1, None, None),
        ("signins_interactive_user", &[log], Licence::P2, None, None),
        ("signins_interactive_user", &["User.Read.All"], Licence::P2, Some(Reason::Permission), Some(log)),
        ("directory_audits", &[log], Licence::Free, None, None),
        ("directory_audits", &[], Licence::Free, Some(Reason::Permission), Some(log)),
        ("provisioning_logs", &[log], Licence::Free, Some(Reason::Licence), None),
        ("provisioning_logs", &[log], Licence::P1, None, None),
        ("risky_users", &["IdentityRiskyUser.Read.All"], Licence::P1, Some(Reason::Licence), None),
        ("risky_users", &["IdentityRiskyUser.Read.All"], Licence::P2, None, None),
        (
            "risky_service_principals",
            &["IdentityRiskyServicePrincipal.Read.All"],
            Licence::P2,
            Some(Reason::Licence),
            None,
        ),
        ("users", &["Directory.Read.All"], Licence::Free, None, None),
    ] {
        let decision = decide(row(id), &known(permissions, false, Some(licence)), (None, None), MOST);
        assert_eq!((decision.reason, decision.add_permission.as_deref()), (reason, add), "{id} {licence:?}");
    }
}

#[test]
fn a_free_tenant_is_sent_to_the_portal_for_its_sign_ins() {
    let decision = decide(
        row("signins_interactive_user"),
        &known(&["AuditLog.Read.All"], true, Some(Licence::Free)),
        (None, None),
        MOST,
    );
    assert_eq!((decision.licence, decision.instead), (Some(Licence::P1), Some(Route::Portal)));
    assert!(decision.role.is_some_and(|role| role.contains("Reports Reader")));
}

#[test]
fn what_takes_too_long_has_a_better_way() {
    let known = known(&["AuditLog.Read.All"], false, Some(Licence::P1));
    let at = |records| {
        decide(row("signins_interactive_user"), &known, (Some(Count::Sampled(records)), Some(4_200.0)), MOST)
    };
    // 5 requests in 10 s, 1,000 records each: 500 records a second.
    let short = at(100_000);
    assert_eq!((short.requests, short.seconds, short.instead), (Some(100), Some(200), None));
    let long = at(2_000_000);
    assert_eq!((long.seconds, long.instead), (Some(4_000), Some(Route::StorageArchive)));
    assert_eq!(long.further, [Route::LogAnalytics, Route::EventHubsCapture]);
    assert_eq!((short.estimated_bytes, short.further.len()), (Some(420_000_000), 0));
    let quick = decide(
        row("signins_interactive_user"),
        &known,
        (Some(Count::Sampled(240_000)), None),
        SignedDuration::from_mins(1),
    );
    assert_eq!((quick.instead, quick.estimated_bytes), (Some(Route::Portal), None));
}

#[test]
fn retention_cloud_and_delegated_only_are_told() {
    let mut free = known(&["AuditLog.Read.All"], false, Some(Licence::Free));
    free.from = Some("2026-11-01T00:00:00Z".parse().unwrap());
    let audits = decide(row("directory_audits"), &free, (None, None), MOST);
    assert_eq!((audits.reason, audits.kept_days, audits.instead), (None, Some(7), Some(Route::LogAnalytics)));
    free.from = Some("2026-11-18T00:00:00Z".parse().unwrap());
    assert_eq!(decide(row("directory_audits"), &free, (None, None), MOST).kept_days, None);

    let absent =
        Requests::builtin().rows().find(|row| row.absent.iter().any(|cloud| cloud == "china")).unwrap();
    let china = Known { cloud: "china".into(), ..known(&[], false, None) };
    assert_eq!(decide(absent, &china, (None, None), MOST).reason, Some(Reason::Cloud));
    let person = Requests::builtin().rows().find(|row| row.delegated_only).unwrap();
    assert_eq!(
        decide(person, &known(&[], false, None), (None, None), MOST).reason,
        Some(Reason::DelegatedOnly)
    );
}

#[test]
fn nothing_known_is_no_figure_and_no_reason() {
    let known = Known { cloud: "global".into(), ..Known::default() };
    for row in Requests::builtin().rows() {
        let decision = decide(row, &known, (None, None), MOST);
        assert_eq!(decision.reason, None, "{}", row.id);
        assert!(decision.requests.is_none() || row.single, "{}", row.id);
    }
}

#[test]
fn licences_are_read_from_service_plans() {
    assert_eq!(licence_of(["EXCHANGE_S_STANDARD"]), Licence::Free);
    assert_eq!(licence_of(["AAD_PREMIUM", "MFA_PREMIUM"]), Licence::P1);
    assert_eq!(licence_of(["AAD_PREMIUM", "AAD_PREMIUM_P2"]), Licence::P2);
}
