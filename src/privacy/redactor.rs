//! The redactor of a stream: the only maker of [`Redacted`] records.

use super::plan::Plan;
use super::renderer::Renderer;
use super::rewrite::again::Again;
use super::rewrite::json::Json;
use super::rewrite::value::Values;
use super::rewrite::{text, xml};
use super::rules::Rules;
use super::tally::Tally;
use super::{Dictionary, Pseudonymizer};
use crate::catalogue::{Layout, Stream};
use crate::error::{self, Error, Result};
use crate::record::{Form, Raw, Redacted};

/// Rewrites the records of one stream. One per worker; what it remembers is bounded.
pub struct Redactor<'a> {
    plan: Plan<'a>,
    values: Values<'a>,
    stream: Stream,
    tally: Tally,
}

impl<'a> Redactor<'a> {
    /// A redactor for a stream. A stream that the catalogue does not know is refused.
    pub fn new(
        rules: &'a Rules,
        names: &'a Pseudonymizer,
        dictionary: &'a Dictionary,
        stream: &Stream,
    ) -> Result<Self> {
        let plan = Plan::new(rules, names, stream).ok_or_else(|| {
            Error::new(error::Kind::Privacy, "a dataset without catalogue rows cannot be redacted")
        })?;
        let values = Values::new(rules, names, dictionary);
        Ok(Redactor { plan, values, stream: stream.clone(), tally: Tally::default() })
    }

    /// Rewrites a record. One that is not what its form says is refused, never passed through.
    pub fn apply(&mut self, raw: Raw) -> Result<Redacted> {
        let (plan, values, tally) = (&mut self.plan, &mut self.values, &mut self.tally);
        raw.rewrite(|bytes, form, out| {
            let text = std::str::from_utf8(bytes).map_err(|_| refused("UTF-8"))?;
            match form {
                Form::Json => {
                    let mut json = Json { plan, values, too_deep: 0 };
                    json.record(text, out).map_err(|_| refused("JSON"))?;
                    tally.too_deep += json.too_deep;
                }
                Form::Text => text::record(plan, values, text, out),
                Form::Xml => xml::record(plan, values, text, out).map_err(|_| refused("XML"))?,
            }
            tally.records += 1;
            Ok(())
        })
    }

    /// Lets somebody ask what becomes of values of the next record: nothing is counted.
    pub fn aside<T>(&mut self, ask: impl FnOnce(&mut Renderer<'a>) -> T) -> T {
        self.values.renderer.aside(ask)
    }

    /// Scans a free text, for example the name of a file.
    pub fn text(&mut self, text: &str) -> String {
        let mut out = Vec::new();
        self.tally.found_in_text += self.values.engine.scan(text, &mut self.values.renderer, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Ends the work and gives what was counted.
    pub fn into_tally(mut self) -> Tally {
        Again::end(&mut self.values, &mut self.plan);
        self.tally.take_plan(&self.stream, self.plan.slots());
        self.tally.take_kinds(self.values.renderer.counts());
        self.tally.take_lints(self.values.renderer.lints());
        self.tally.found_in_text += self.values.found;
        self.tally
    }
}

/// What stands around the records of an XML part, so that it is one well-formed document: the root's
/// start, what stands between two records, the root's end.
pub fn xml_frame() -> Result<[Redacted; 3]> {
    Ok([fixed("<records>\n")?, fixed("\n")?, fixed("</records>\n")?])
}

/// Stands for a record that cannot be written, so that the numbers of the others stay true.
pub fn empty_record(layout: Layout) -> Result<Redacted> {
    fixed(match layout {
        Layout::Jsonl => "{}",
        Layout::Text => "\n",
        Layout::Xml => "<record/>",
    })
}

/// Text that is compiled into the program: no byte of input.
fn fixed(text: &'static str) -> Result<Redacted> {
    Raw::new(text.as_bytes().to_vec(), Form::Text).rewrite(|bytes, _, out| {
        out.extend_from_slice(bytes);
        Ok(())
    })
}

fn refused(what: &str) -> Error {
    Error::new(error::Kind::Privacy, format!("a record is no valid {what} and cannot be redacted"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue, Source};
    use crate::kind::Kind;
    use crate::privacy::{IncidentKey, Policy};

    const TYPES: &str = r##"{
        "signin": {"fields": {"id": "trace_id pattern:code", "createdDateTime": "event_time timestamp",
            "userDisplayName": "person_name", "userPrincipalName": "upn", "userId": "object_id guid",
            "appId": "app_id guid", "ipAddress": "ip_address", "correlationId": "trace_id guid",
            "status": "@status", "location": "@location", "changes": "@change", "extra": "@open",
            "password": "secret", "mails": "upn", "count": "fact number"}},
        "status": {"fields": {"errorCode": "fact number", "additionalDetails": "text"}},
        "location": {"fields": {"city": "place", "state": "place", "countryOrRegion": "country iso-country",
            "geoCoordinates": "@geo"}},
        "geo": {"fields": {"latitude": "place number", "longitude": "place number"}},
        "change": {"fields": {"displayName": "fact pattern:word", "oldValue": "by displayName @names",
            "newValue": "by displayName @names"}},
        "names": {"fields": {"UserPrincipalName": "upn", "AccountEnabled": "fact boolean"}},
        "open": {"keys": "upn", "fields": {"*": "text"}}
    }"##;
    const DATASETS: &str =
        r#"[{"id":"signins_interactive_user","title":"S","group":"logs","record":"signin"}]"#;

    pub(crate) fn rewrite(policy: &Policy, input: &str) -> (String, Tally) {
        let catalogue: &'static Catalogue =
            Box::leak(Box::new(Catalogue::parse(DATASETS, TYPES).map_err(|e| e.to_string()).unwrap()));
        let rules = Rules::resolve(policy, catalogue).map_err(|e| e.to_string()).unwrap();
        let names = Pseudonymizer::new(&IncidentKey::from_bytes(std::array::from_fn(|i| i as u8))).unwrap();
        let dictionary = crate::privacy::learn::Learner::new().freeze();
        let stream = Stream::new(Source::Graph, "signins_interactive_user");
        let mut redactor = Redactor::new(&rules, &names, &dictionary, &stream).unwrap();
        let out = redactor
            .apply(Raw::new(input.as_bytes().to_vec(), Form::Json))
            .map_err(|e| e.to_string())
            .unwrap();
        let text = String::from_utf8(out.bytes().to_vec()).unwrap();
        (text, redactor.into_tally())
    }

    fn balanced(input: &str) -> String {
        rewrite(&Policy::builtin("balanced").unwrap(), input).0
    }

    #[test]
    fn members_are_treated_by_their_kind() {
        let input = r#" { "userDisplayName" : "Greta Schmidt", "userPrincipalName":"Greta.Schmidt@contoso.com",
            "userId":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "ipAddress":"203.0.113.7",
            "password":"x","location":{"city":"Bonn","state":"NRW","countryOrRegion":"DE",
            "geoCoordinates":{"latitude":50.73,"longitude":7.09}},"newInternalField":"x"} "#;
        let (out, tally) = rewrite(&Policy::builtin("balanced").unwrap(), input);
        assert_eq!(
            out,
            r#"{"userDisplayName":"n-43gfkslfdaupb","userPrincipalName":"u-uunltp2igwuex@d-4t3ff5tundavp.example","userId":"fade0367-97df-873d-b280-ffadf2fb26d0","ipAddress":"2001:db8:4::e2c4:cbb4","location":{"state":"NRW","countryOrRegion":"DE"}}"#
        );
        let dropped: Vec<&str> = tally
            .places
            .iter()
            .filter(|(_, place)| place.counts.dropped > 0)
            .map(|((_, path), _)| path.as_str())
            .collect();
        assert_eq!(dropped, ["/location/city", "/location/geoCoordinates", "/password", "/x-z2ao7yxtvawtg"]);
    }

    #[test]
    fn every_occurrence_of_a_repeated_member_is_treated() {
        let out = balanced(
            r#"{"mails":"a@contoso.com","mails":"b@contoso.com","MAILS":["c@contoso.com",null,""]}"#,
        );
        assert!(!out.contains("contoso"), "{out}");
        assert_eq!(out.matches("u-").count(), 3);
        assert!(out.contains(r#""MAILS":["","u-"#) && out.ends_with("null]}"), "{out}");
    }

    #[test]
    fn escapes_hide_nothing() {
        let out = balanced(r#"{"user\u0050rincipalName":"greta\u0040contoso.com","n\u0065w":1}"#);
        assert!(out.starts_with(r#"{"user\u0050rincipalName":"u-"#), "{out}");
        assert!(!out.contains("contoso"));
    }

    #[test]
    fn a_sibling_explains_a_value_wherever_it_stands() {
        let out = balanced(
            r#"{"changes":[{"newValue":"\"[\\\"greta@contoso.com\\\"]\"","oldValue":"[\"\"]","displayName":"UserPrincipalName"},
            {"displayName":"AccountEnabled","newValue":"[true]","oldValue":null},
            {"displayName":"Secretive","newValue":"[\"greta@contoso.com\"]"}]}"#,
        );
        assert!(!out.contains("greta"), "{out}");
        assert!(out.contains(r#""newValue":"\"[\\\"u-"#), "{out}");
        assert!(out.contains(r#""newValue":"[true]","oldValue":null"#), "{out}");
        assert!(out.contains(r#"{"displayName":"Secretive"}"#), "{out}");
    }

    #[test]
    fn names_that_are_data_are_treated() {
        let out = balanced(r#"{"extra":{"greta@contoso.com":"hello"}}"#);
        assert!(!out.contains("greta") && out.contains("hello"), "{out}");
    }

    #[test]
    fn numbers_stay_where_they_are_declared() {
        let out = balanced(
            r#"{"count":1e3,"status":{"errorCode":50126,"additionalDetails":4912345678},"userId":7,"location":5}"#,
        );
        assert_eq!(out.matches("50126").count(), 1);
        assert!(
            out.contains(r#""count":1e3"#) && !out.contains("4912345678") && !out.contains(":5}"),
            "{out}"
        );
        assert!(out.contains(r#""userId":"a-"#), "{out}");
    }

    /// Members as they come: known and unknown, repeated, escaped, broken, explained by a sibling.
    const MEMBERS: &[&str] = &[
        r#""id":"ab-12","#,
        r#""createdDateTime":"2026-11-20T11:05:00Z","#,
        r#""userDisplayName":"Greta Schmidt","#,
        r#""userPrincipalName":"Greta.Schmidt@contoso.com","#,
        r#" "userPrincipalName" : "bo@contoso.com" ,"#,
        r#""userId":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","#,
        r#""appId":"00000003-0000-0000-c000-000000000000","#,
        r#""ipAddress":"203.0.113.7","#,
        r#""status":{"errorCode":50126,"additionalDetails":"by greta@contoso.com from 203.0.113.7"},"#,
        r#""status":{"errorCode":0,"additionalDetails":null},"#,
        r#""status":{ "errorCode" : 0 , "newMember" : [ 1 , {} ] },"#,
        r#""location":{"city":"Bonn","state":"NRW","countryOrRegion":"DE"},"#,
        r#""changes":[{"displayName":"UserPrincipalName","newValue":"[\"greta@contoso.com\"]"}],"#,
        r#""changes":[{"displayName":"AccountEnabled","newValue":"[true]"},{"displayName":"AccountEnabled","newValue":"[true]"}],"#,
        r#""changes":[{"newValue":"[\"greta@contoso.com\"]","displayName":"AccountEnabled"}],"#,
        r#""extra":{"greta@contoso.com":"hello","n\u0065w":"to bo@contoso.com"},"#,
        r#""mails":["a@contoso.com",null,"","a@contoso.com","b@contoso.com"],"#,
        r#""MAILS":"u-uunltp2igwuex@contoso.com","#,
        r#""password":"x","#,
        r#""count":12,"#,
        r#""count":123,"#,
        r#""count":1,"#,
        r#""unknown":{"deep":[[[1]]]},"#,
        r#""status":{"errorCode":0,"additionalDetails":"seen from 10.0.0.5 by 00000003-0000-0000-c000-000000000000"},"#,
        r#""changes":["plain",{"displayName":"AccountEnabled","newValue":"[true]"}],"#,
        r#""count":tru,"#,
        r#""status":{"errorCode":1,"#,
    ];

    proptest::proptest! {
        #[test]
        fn what_came_before_changes_nothing(
            records in proptest::collection::vec(proptest::collection::vec(0..MEMBERS.len(), 0..7), 1..14),
        ) {
            let catalogue: &'static Catalogue = Box::leak(Box::new(Catalogue::parse(DATASETS, TYPES).ok().unwrap()));
            let rules = Rules::resolve(&Policy::builtin("balanced").unwrap(), catalogue).ok().unwrap();
            let names = Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).ok().unwrap();
            let dictionary = crate::privacy::learn::Learner::new().freeze();
            let stream = Stream::new(Source::Graph, "signins_interactive_user");
            let fresh = || Redactor::new(&rules, &names, &dictionary, &stream).ok().unwrap();
            let apply = |redactor: &mut Redactor<'_>, text: &str| {
                redactor.apply(Raw::new(text.as_bytes().to_vec(), Form::Json)).map(|out| out.bytes().to_vec()).ok()
            };
            let (mut one, mut all) = (fresh(), Tally::default());
            for members in &records {
                let body: String = members.iter().map(|at| MEMBERS[*at]).collect();
                let text = format!("{{{}\"id\":\"end\"}}", body);
                let mut alone = fresh();
                let expected = apply(&mut alone, &text);
                proptest::prop_assert_eq!(&apply(&mut one, &text), &expected, "{}", text);
                if expected.is_some() {
                    all.merge(alone.into_tally());
                } else {
                    // What was counted of a broken record depends on how far it was read.
                    (one, all) = (fresh(), Tally::default());
                }
            }
            let mut tally = one.into_tally();
            // Which of equal values is looked at, and so told, depends on what is remembered.
            tally.lints.clear();
            all.lints.clear();
            proptest::prop_assert_eq!(tally, all);
        }
    }

    #[test]
    fn what_a_sibling_decides_inside_a_list_is_decided_each_time() {
        let types = r##"{
            "signin": {"fields": {"appDisplayName": "app_name", "deviceDetail": "@detail", "methods": "text"}},
            "detail": {"fields": {"#text": "text", "os": "text"}}
        }"##;
        let catalogue: &'static Catalogue =
            Box::leak(Box::new(Catalogue::parse(DATASETS, types).ok().unwrap()));
        for (select, list) in [
            ("/**/#text", r#""deviceDetail":["the mobile desktop"]"#),
            ("/methods/*/*", r#""methods":[["the mobile desktop"]]"#),
            ("/methods/*/*", r#""methods":["[\"the mobile desktop\"]"]"#),
        ] {
            let policy = serde_json::json!({"schema": "entra-bundle/policy/1", "id": "ours", "version": 1, "extends": ["builtin:balanced@1"], "recipient": {"text": "support"}, "exceptions": [{
                "id": "payroll", "dataset": "signins_interactive_user", "select": select, "do": "drop",
                "reason": "nothing of this application leaves",
                "when": {"sibling": "../appDisplayName", "equals": "Payroll"}}]});
            let policy = Policy::parse(&policy.to_string(), "test").map_err(|e| e.to_string()).unwrap();
            let rules = Rules::resolve(&policy, catalogue).map_err(|e| e.to_string()).unwrap();
            let names = Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).ok().unwrap();
            let dictionary = crate::privacy::learn::Learner::new().freeze();
            let stream = Stream::new(Source::Graph, "signins_interactive_user");
            let mut one = Redactor::new(&rules, &names, &dictionary, &stream).ok().unwrap();
            for app in ["Mail", "Mail", "Payroll", "Mail", "Payroll"] {
                let text = format!(r#"{{"appDisplayName":"{app}",{list}}}"#);
                let mut alone = Redactor::new(&rules, &names, &dictionary, &stream).ok().unwrap();
                let [one, alone] = [&mut one, &mut alone].map(|redactor| {
                    let raw = Raw::new(text.as_bytes().to_vec(), Form::Json);
                    redactor.apply(raw).map(|out| out.bytes().to_vec()).ok().unwrap()
                });
                assert_eq!(String::from_utf8_lossy(&one), String::from_utf8_lossy(&alone), "{select} {app}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let catalogue: &'static Catalogue =
            Box::leak(Box::new(Catalogue::parse(DATASETS, TYPES).ok().unwrap()));
        let rules = Rules::resolve(&Policy::builtin("balanced").unwrap(), catalogue).ok().unwrap();
        let names = Pseudonymizer::new(&IncidentKey::from_bytes([0; 32])).ok().unwrap();
        let dictionary = crate::privacy::learn::Learner::new().freeze();
        let stream = Stream::new(Source::Graph, "signins_interactive_user");
        for broken in ["", "{", "{\"id\":}", "{\"id\":1,}", "[1,]", "{} {}", "nul", "{\"id\" 1}", "{\"x\":[}"]
        {
            let mut redactor = Redactor::new(&rules, &names, &dictionary, &stream).ok().unwrap();
            let refused = redactor.apply(Raw::new(broken.as_bytes().to_vec(), Form::Json));
            assert_eq!(refused.err().map(|e| e.kind()), Some(error::Kind::Privacy), "{broken}");
        }
        assert_eq!(rules.treatment(Kind::Secret).id(), "drop");
    }
}
