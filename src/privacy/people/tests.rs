use super::*;

/// Answers with the length and a letter of the kind; drops SIDs.
struct Toy;

impl Render for Toy {
    fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        if kind == Kind::Sid {
            return Rendered::Dropped;
        }
        let sum = canon(value).bytes().fold(7u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
        out.extend_from_slice(format!("t-{sum:x}").as_bytes());
        Rendered::Replaced
    }
}

/// The lines of records of datasets.
fn lines(records: &[(&str, &str)]) -> Vec<Entity> {
    let mut suffixes = Suffixes::default();
    let raw = |text: &str| Raw::new(text.as_bytes().to_vec(), Form::Json);
    for (dataset, text) in records {
        suffixes.learn(dataset, &raw(text));
    }
    let mut marks = Marks::default();
    let mut drafts = Vec::new();
    for (dataset, text) in records {
        let Some(mut observer) = marks.observer(dataset, &suffixes) else { continue };
        drafts.extend(observer.see(&raw(text), &mut Toy).unwrap());
        let observed = observer.finish();
        marks.take(observed);
    }
    drafts.sort_by(|a, b| (&a.0, a.1.bytes()).cmp(&(&b.0, b.1.bytes())));
    let mut made = Lines::new(marks);
    drafts.iter().for_each(|(key, _)| made.number(key));
    made.numbered();
    let mut out = Vec::new();
    for (key, draft) in &drafts {
        out.extend(made.line(key, draft).unwrap());
    }
    out.extend(made.finish());
    out
}

fn of<'l>(lines: &'l [Entity], kind: &str, flag: &str) -> &'l Entity {
    lines.iter().find(|line| line.kind == kind && (flag.is_empty() || line.flags.contains(flag))).unwrap()
}

#[test]
fn links_and_lints_without_a_raw_value() {
    let lines = lines(&[
        ("domains", r#"{"id":"contoso.com","isVerified":true}"#),
        ("domains", r#"{"id":"old.com","isVerified":false}"#),
        (
            "users",
            r#"{"id":"1","userPrincipalName":"greta@old.com","mail":"g.s@contoso.com","proxyAddresses":["SMTP:x@y","smtp:g@y"],
               "onPremisesSecurityIdentifier":"S-1-5-21-1-2-3-1104","userType":"Member","accountEnabled":true,
               "onPremisesSamAccountName":"gschmidt","mailNickname":"jose","displayName":"Greta "}"#,
        ),
        (
            "users",
            r#"{"ObjectId":"22","UserPrincipalName":"zoë@contoso.com","ProxyAddresses":["smtp:X@Y"],"DirSyncEnabled":"True",
                "MailNickName":"José","BlockCredential":false}"#,
        ),
        ("groups", r#"{"id":"3","displayName":"Sales","mailEnabled":true,"proxyAddresses":["SMTP:x@y"]}"#),
        ("deleted_users", r#"{"id":"4","userPrincipalName":"gone@contoso.com"}"#),
        ("devices", r#"{"id":"5","deviceId":"55","displayName":"GRETA PC "}"#),
        ("signins_interactive_user", r#"{"id":"6"}"#),
    ]);
    let text = serde_json::to_string(&lines).unwrap();
    assert!(!text.contains("contoso") && !text.contains("S-1-5") && !text.contains("reta"), "{text}");
    assert_eq!(lines.len(), 5);
    assert_eq!(lines.iter().map(|line| line.e).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(lines.is_sorted_by_key(|line| line.guid.clone()));
    let (greta, zoe) = (of(&lines, "user", "member"), of(&lines, "user", "synced"));
    let (group, gone, device) =
        (of(&lines, "group", ""), of(&lines, "user", "deleted"), of(&lines, "device", ""));
    let has = |entity: &Entity, lint: &str| assert!(entity.lint.contains(lint), "{lint}: {:?}", entity.lint);
    for lint in ["upn-ne-mail", "sam-ne-upn-prefix", "suffix-not-verified:upn", "edge-space:name"] {
        has(greta, lint);
    }
    has(greta, &format!("proxy-duplicate-with:{}", zoe.e));
    has(greta, &format!("proxy-duplicate-with:{}", group.e));
    has(group, &format!("proxy-duplicate-with:{}", greta.e));
    has(greta, &format!("ad-collation-equal:{}", zoe.e));
    has(zoe, "non-ascii:upn");
    has(device, "edge-space:host");
    assert!(
        zoe.flags.contains("enabled")
            && greta.flags.contains("enabled")
            && group.flags.contains("mail-enabled")
    );
    assert!(gone.lint.is_empty(), "{:?}", gone.lint);
    assert_eq!((greta.sid.as_ref(), greta.proxies.len()), (None, 2));
}

#[test]
fn order_of_arrival_repetition_and_shape_do_not_show() {
    let (a, b) = (r#"{"id":"1","userPrincipalName":"a@x"}"#, r#"{"id":"333","userPrincipalName":"b@x"}"#);
    let more = r#"{"ObjectId":"1","ImmutableId":"AAAA"}"#;
    let one = lines(&[("users", a), ("users", b), ("users", more)]);
    assert_eq!(one, lines(&[("users", more), ("users", b), ("users", a), ("users", b)]));
    assert_eq!(one.len(), 2);
    assert!(one.iter().any(|line| line.upn.is_some() && line.anchor.is_some()));
    assert!(one.iter().all(|line| line.lint.is_empty()), "{one:?}");
}

#[test]
fn a_lint_of_a_dropped_field_is_not_told_and_partners_are_bounded() {
    struct NoMail;
    impl Render for NoMail {
        fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
            if kind == Kind::ProxyAddress { Rendered::Dropped } else { Toy.render(kind, value, out) }
        }
    }
    let suffixes = Suffixes::default();
    let marks = Marks::default();
    let mut observer = marks.observer("users", &suffixes).unwrap();
    let raw = Raw::new(br#"{"id":"1","proxyAddresses":["smtp:bad addr\u00eb@y"]}"#.to_vec(), Form::Json);
    let (_, draft) = observer.see(&raw, &mut NoMail).unwrap().unwrap();
    assert!(!String::from_utf8_lossy(draft.bytes()).contains("proxy"));
    assert!(observer.finish().0.is_empty());

    let many: Vec<String> =
        (0..60).map(|n| format!(r#"{{"id":"{n}","proxyAddresses":["smtp:same@y"]}}"#)).collect();
    let records: Vec<(&str, &str)> = many.iter().map(|text| ("users", text.as_str())).collect();
    for line in lines(&records) {
        assert_eq!(line.lint.len(), MOST_DUPLICATES);
    }
}
