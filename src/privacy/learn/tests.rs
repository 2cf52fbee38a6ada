use super::*;

fn learned(values: &[(Kind, &str)]) -> Vec<(&'static str, String)> {
    let mut learner = Learner::new();
    for (kind, value) in values {
        learner.learn(*kind, value, "users");
    }
    let dictionary = learner.freeze();
    dictionary.originals().map(|(kind, text)| (kind.id(), text.to_owned())).collect()
}

#[test]
fn employee_numbers_are_learned_from_job_fields_and_nothing_else_is() {
    for number in ["C100111", "EMP-00123", "x1234"] {
        assert!(is_employee_number(number), "{number}");
    }
    for other in ["Sales", "Office365", "12345678", "Engineer 2024", "Level2024", "", "R&D 1000"] {
        assert!(!is_employee_number(other), "{other}");
    }
    assert_eq!(learned(&[(Kind::Job, "C100111"), (Kind::Job, "Sales")]), [("job", "c100111".to_owned())]);
}

#[test]
fn tables_are_sorted() {
    assert!(NOTHING.is_sorted());
    assert!(BUILT_IN_AUTHORITIES.is_sorted());
    assert!(BUILT_IN_ACCOUNTS.is_sorted());
    assert!(PUBLIC_DOMAINS.is_sorted());
}

#[test]
fn a_upn_teaches_itself_its_label_and_its_domain() {
    assert_eq!(
        learned(&[(Kind::Upn, "Greta.Schmidt@Contoso.com"), (Kind::Upn, "x.y@gmail.com")]),
        [
            ("upn", "greta.schmidt@contoso.com".to_owned()),
            ("upn", "x.y@gmail.com".to_owned()),
            ("account", "greta.schmidt".to_owned()),
            ("account", "x.y".to_owned()),
            ("domain", "contoso.com".to_owned()),
        ]
    );
}

#[test]
fn a_guest_teaches_its_home_account() {
    let all = learned(&[(Kind::Upn, "vasil_quadrotech-it.com#EXT#@contoso.onmicrosoft.com")]);
    assert!(all.contains(&("upn", "vasil@quadrotech-it.com".to_owned())));
    assert!(all.contains(&("domain", "quadrotech-it.com".to_owned())));
    assert!(all.contains(&("account", "vasil".to_owned())));
}

#[test]
fn hosts_lose_dollar_and_domain_and_sync_accounts_name_a_host() {
    assert_eq!(
        learned(&[
            (Kind::Host, "DC01.corp.contoso.com"),
            (Kind::Account, "CORP\\WS-7$"),
            (Kind::Upn, "Sync_SERVER01_ab12cd34ef56@contoso.com")
        ]),
        [
            ("upn", "sync_server01_ab12cd34ef56@contoso.com".to_owned()),
            ("host", "dc01".to_owned()),
            ("host", "server01".to_owned()),
            ("host", "ws-7".to_owned()),
            ("domain", "contoso.com".to_owned()),
            ("domain", "corp".to_owned()),
            ("domain", "corp.contoso.com".to_owned()),
        ]
    );
}

#[test]
fn words_for_nothing_built_in_accounts_and_plain_group_names_teach_nothing() {
    assert!(
        learned(&[
            (Kind::PersonName, "null"),
            (Kind::PersonName, " "),
            (Kind::Account, "NT AUTHORITY\\SYSTEM (w3wp)"),
            (Kind::GroupName, "Marketing"),
            (Kind::Fact, "Greta Schmidt"),
            (Kind::Domain, "gmail.com"),
            (Kind::Host, "10.0.0.1"),
        ])
        .is_empty()
    );
    assert_eq!(
        learned(&[(Kind::GroupName, "Project Falcon")]),
        [("group_name", "project falcon".to_owned())]
    );
}

#[test]
fn neither_order_nor_repetition_nor_merging_changes_the_result() {
    let values = [
        (Kind::Upn, "a.b@contoso.com"),
        (Kind::PersonName, "Anna Berg"),
        (Kind::Host, "WS-01"),
        (Kind::ObjectId, "f7cc07d7-7c15-447d-876d-c01b0e5a9e38"),
        (Kind::Sid, "S-1-5-21-1-2-3-1104"),
    ];
    let mut one = Learner::new();
    let (mut left, mut right) = (Learner::new(), Learner::new());
    for (at, (kind, value)) in values.iter().enumerate() {
        one.learn(*kind, value, "users");
        one.learn(*kind, value, "users");
        if at % 2 == 0 { &mut left } else { &mut right }.learn(*kind, value, "users");
    }
    right.merge(left);
    let (one, two) = (one.freeze(), right.freeze());
    assert_eq!(one.entries().collect::<Vec<_>>(), two.entries().collect::<Vec<_>>());
    assert_eq!(one.sources(), ["users"]);
    assert_eq!(one.names(), 5);
    assert_eq!(one.entity_count(), 2);
}
