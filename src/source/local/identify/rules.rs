//! The recognition rules, compiled from `recognition.json` and from the origins of the catalogue.
//!
//! The origins say which dataset a diagnostic category and a Log Analytics table hold; the rest is here.

use crate::catalogue::ORIGINS;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

const TABLE: &str = include_str!("../recognition.json");
const WORDS: usize = 8;

/// A set of known member names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits([u64; WORDS]);

impl Bits {
    /// Adds a member.
    pub fn set(&mut self, member: u16) {
        if let Some(word) = self.0.get_mut(usize::from(member) / 64) {
            *word |= 1 << (member % 64);
        }
    }

    /// Whether all of `other` are here.
    pub fn holds(&self, other: &Bits) -> bool {
        self.0.iter().zip(other.0).all(|(mine, theirs)| mine & theirs == theirs)
    }

    /// Whether one of `other` is here.
    pub fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(other.0).any(|(mine, theirs)| mine & theirs != 0)
    }

    fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }
}

macro_rules! slots {
    ($($name:ident = $member:literal),* $(,)?) => {
        /// Members whose value matters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Slot { $($name),* }
        const SLOTS: &[(Slot, &str)] = &[$((Slot::$name, $member)),*];
        impl Slot {
            /// How many there are.
            pub const COUNT: usize = SLOTS.len();
        }
    };
}

slots! {
    Category = "category",
    Type = "type",
    RecordType = "recordtype",
    Workload = "workload",
    OfficeWorkload = "officeworkload",
    Context = "@odata.context",
    DataType = "@odata.type",
    Channel = "channel",
    EventLog = "eventlog",
    Provider = "providername",
    EventSource = "eventsourcename",
    EventId = "eventid",
    SignInTypes = "signineventtypes",
    Interactive = "isinteractive",
    ServicePrincipal = "serviceprincipalid",
    UserName = "userprincipalname",
    Properties = "properties",
    Id = "id",
    DisplayName = "displayname",
    RiskEvent = "riskeventtype",
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeRow {
    dataset: String,
    #[serde(default, alias = "inner")]
    all: Vec<String>,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
    #[serde(default)]
    value: BTreeMap<String, String>,
    #[serde(default)]
    file: Option<String>,
}

/// A member set that marks a dataset.
#[derive(Debug)]
pub struct Shape {
    /// The dataset.
    pub dataset: String,
    /// A part of the file name that must be there.
    pub file: Option<String>,
    all: Bits,
    any: Bits,
    none: Bits,
    values: Vec<(Slot, String)>,
}

impl Shape {
    /// Whether the members (and values) fit.
    pub fn fits(&self, members: &Bits, value: impl Fn(Slot) -> Option<String>) -> bool {
        members.holds(&self.all)
            && (self.any.is_empty() || members.meets(&self.any))
            && !members.meets(&self.none)
            && self.values.iter().all(|(slot, text)| value(*slot).as_deref() == Some(text))
    }
}

/// Office 365 audit records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// Workload, lower case → dataset.
    pub workloads: HashMap<String, String>,
    /// Record type, number or lower-case name → dataset.
    pub record_types: HashMap<String, String>,
    /// Dataset of every other record.
    pub other: String,
    /// Dataset of table rows without workload and record type.
    pub projection: String,
}

/// Windows events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Provider, lower case → dataset.
    pub providers: HashMap<String, String>,
    /// Beginning of the channel, lower case → dataset.
    pub channels: BTreeMap<String, String>,
    /// Program that a Security event names, lower case → dataset.
    pub processes: HashMap<String, String>,
    /// Event id in the Security channel → dataset.
    pub security: HashMap<String, String>,
    /// Dataset of every other event.
    pub other: String,
}

/// XML files that are told apart by something near their start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XmlContent {
    /// Local name of the root element.
    pub root: String,
    /// What stands near the start.
    pub contains: String,
    /// The dataset.
    pub dataset: String,
}

/// A folder or file name of a product whose text logs have no shape that marks them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextPlace {
    /// A part of the path, lower case, `/` between folders.
    path: String,
    /// The dataset.
    dataset: String,
}

/// The marks of an origin that matter here.
#[derive(Deserialize)]
struct OriginRow {
    #[serde(default)]
    dataset: Option<String>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    table: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    diagnostic_shapes: Vec<ShapeRow>,
    tables: HashMap<String, String>,
    table_shapes: Vec<ShapeRow>,
    office: Office,
    windows: Windows,
    contexts: HashMap<String, String>,
    types: HashMap<String, String>,
    shapes: Vec<ShapeRow>,
    artifacts: Vec<ShapeRow>,
    sections: HashMap<String, String>,
    portal: Vec<ShapeRow>,
    xml: HashMap<String, String>,
    xml_records: HashMap<String, String>,
    xml_times: HashMap<String, String>,
    xml_content: Vec<XmlContent>,
    text_places: Vec<TextPlace>,
    text: BTreeMap<String, String>,
}

/// The compiled rules. Maps go from lower-case names to dataset ids.
#[derive(Debug)]
pub struct Rules {
    members: HashMap<String, u16>,
    /// Bits over the plain spellings of all members: most members of most records are none of them.
    plain: Vec<u64>,
    slots: Vec<Option<Slot>>,
    pub(super) diagnostic: HashMap<String, String>,
    pub(super) diagnostic_shapes: Vec<Shape>,
    pub(super) tables: HashMap<String, String>,
    pub(super) table_shapes: Vec<Shape>,
    pub(super) office: Office,
    pub(super) windows: Windows,
    pub(super) contexts: HashMap<String, String>,
    pub(super) types: HashMap<String, String>,
    pub(super) shapes: Vec<Shape>,
    pub(super) artifacts: Vec<Shape>,
    pub(super) portal: Vec<Shape>,
    pub(super) envelope: Bits,
    pub(super) envelope_marks: Bits,
    pub(super) table_record: Bits,
    pub(super) office_record: Bits,
    pub(super) office_marks: Bits,
    pub(super) windows_record: Bits,
    pub(super) windows_marks: Bits,
    /// Section name of a PowerShell composite → dataset.
    pub sections: HashMap<String, String>,
    /// Local name of an XML root → dataset.
    pub xml: HashMap<String, String>,
    /// Local name of an XML root → local name of its repeating element.
    pub xml_records: HashMap<String, String>,
    /// Local name of an XML root → local name of the element that holds a record's time.
    pub xml_times: HashMap<String, String>,
    /// XML roots that need a look at what follows.
    pub xml_content: Vec<XmlContent>,
    text_places: Vec<TextPlace>,
    /// Our name of a line shape → dataset.
    pub text: BTreeMap<String, String>,
}

#[derive(Default)]
struct Vocabulary(HashMap<String, u16>);

impl Vocabulary {
    fn bits(&mut self, names: &[impl AsRef<str>]) -> Bits {
        let mut bits = Bits::default();
        for name in names {
            let next = self.0.len() as u16;
            bits.set(*self.0.entry(name.as_ref().to_owned()).or_insert(next));
        }
        bits
    }

    fn shapes(&mut self, rows: Vec<ShapeRow>) -> Vec<Shape> {
        let slot = |name: &String| SLOTS.iter().find(|(_, member)| member == name).map(|(slot, _)| *slot);
        let mut shapes = Vec::with_capacity(rows.len());
        for row in rows {
            shapes.push(Shape {
                all: self.bits(&row.all),
                any: self.bits(&row.any),
                none: self.bits(&row.none),
                values: row.value.iter().filter_map(|(k, v)| Some((slot(k)?, v.clone()))).collect(),
                dataset: row.dataset,
                file: row.file,
            });
        }
        shapes
    }
}

/// Hash of a name of letters and digits alone, which has no other spelling than that of its case.
fn plain_hash(name: &str) -> Option<u16> {
    const MULTIPLIER: u64 = 0x9fb2_1c65_1e98_df25;
    let (whole, rest) = name.as_bytes().as_chunks::<8>();
    let mut plain = true;
    let mut hash = name.len() as u64;
    for eight in whole {
        plain &= eight.iter().all(u8::is_ascii_alphanumeric);
        hash = (hash ^ (u64::from_le_bytes(*eight) | 0x2020_2020_2020_2020)).wrapping_mul(MULTIPLIER);
        hash ^= hash >> 32;
    }
    let mut last = 0;
    for byte in rest {
        plain &= byte.is_ascii_alphanumeric();
        last = last << 8 | u64::from(*byte | 0x20);
    }
    hash = (hash ^ last).wrapping_mul(MULTIPLIER);
    plain.then_some((hash >> 48) as u16)
}

fn plain_bits<'n>(names: impl Iterator<Item = &'n String>) -> Vec<u64> {
    let mut bits = vec![0; 1 << 10];
    for hash in names.filter_map(|name| plain_hash(name)) {
        bits[usize::from(hash >> 6)] |= 1 << (hash & 63);
    }
    bits
}

impl Rules {
    /// The built-in rules, compiled once.
    pub fn builtin() -> &'static Rules {
        static BUILTIN: OnceLock<Rules> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let valid = "the embedded tables are tested to be valid";
            Rules::compile(
                serde_json::from_str(TABLE).expect(valid),
                serde_json::from_str(ORIGINS).expect(valid),
            )
        })
    }

    fn compile(file: TableFile, origins: Vec<OriginRow>) -> Rules {
        let (mut diagnostic, mut tables) = (HashMap::new(), file.tables);
        for OriginRow { dataset, category, table } in origins {
            let Some(dataset) = dataset else { continue };
            if let Some(category) = category {
                diagnostic.insert(category.to_ascii_lowercase(), dataset.clone());
            }
            if let Some(table) = table {
                tables.insert(table.to_ascii_lowercase(), dataset);
            }
        }
        let mut words = Vocabulary::default();
        for (_, member) in SLOTS {
            words.bits(&[member]);
        }
        let slots = SLOTS.iter().map(|(slot, _)| Some(*slot)).collect();
        Rules {
            diagnostic,
            diagnostic_shapes: words.shapes(file.diagnostic_shapes),
            tables,
            table_shapes: words.shapes(file.table_shapes),
            office: file.office,
            windows: file.windows,
            contexts: file.contexts,
            types: file.types,
            shapes: words.shapes(file.shapes),
            artifacts: words.shapes(file.artifacts),
            portal: words.shapes(file.portal),
            envelope: words.bits(&["category", "properties"]),
            envelope_marks: words.bits(&["time", "operationname", "resourceid"]),
            table_record: words.bits(&["timegenerated"]),
            office_record: words.bits(&["creationtime", "operation"]),
            office_marks: words.bits(&["recordtype", "workload", "organizationid"]),
            windows_record: words.bits(&["eventid", "computer"]),
            windows_marks: words.bits(&["channel", "providername", "timecreated"]),
            sections: file.sections,
            xml: file.xml,
            xml_records: file.xml_records,
            xml_times: file.xml_times,
            xml_content: file.xml_content,
            text_places: file.text_places,
            text: file.text,
            plain: plain_bits(words.0.keys()),
            members: words.0,
            slots,
        }
    }

    /// The dataset of text of no known shape, by the path at which it lies.
    pub fn text_at(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase().replace('\\', "/");
        self.text_places.iter().find(|place| name.contains(&place.path)).map(|place| place.dataset.as_str())
    }

    /// The number of a known member, by any spelling.
    pub(super) fn member(&self, name: &str) -> Option<u16> {
        if let Some(hash) = plain_hash(name)
            && self.plain[usize::from(hash >> 6)] >> (hash & 63) & 1 == 0
        {
            return None;
        }
        let mut folded = [0u8; 64];
        let mut length = 0;
        for byte in name.bytes().filter(|b| !b.is_ascii_whitespace()) {
            *folded.get_mut(length)? = byte.to_ascii_lowercase();
            length += 1;
        }
        let mut word = folded.get(..length)?;
        loop {
            if let Some(member) = std::str::from_utf8(word).ok().and_then(|w| self.members.get(w)) {
                return Some(*member);
            }
            let suffixes: [&[u8]; 4] = [b"[utc]", b"#2", b"_dynamic", b"_string"];
            word = suffixes.iter().find_map(|suffix| word.strip_suffix(*suffix))?;
        }
    }

    pub(super) fn slot(&self, member: u16) -> Option<Slot> {
        self.slots.get(usize::from(member)).copied().flatten()
    }

    /// Every dataset id that the rules name, sorted.
    pub fn datasets(&self) -> Vec<&str> {
        let shapes =
            [&self.diagnostic_shapes, &self.table_shapes, &self.shapes, &self.artifacts, &self.portal];
        let maps = [
            &self.diagnostic,
            &self.tables,
            &self.office.workloads,
            &self.office.record_types,
            &self.windows.providers,
            &self.windows.security,
            &self.windows.processes,
            &self.contexts,
            &self.types,
            &self.sections,
            &self.xml,
        ];
        let mut ids: Vec<&str> = maps.iter().flat_map(|map| map.values().map(String::as_str)).collect();
        ids.extend(shapes.iter().flat_map(|rows| rows.iter().map(|shape| shape.dataset.as_str())));
        ids.extend(self.windows.channels.values().chain(self.text.values()).map(String::as_str));
        ids.extend(self.xml_content.iter().map(|row| row.dataset.as_str()));
        ids.extend(self.text_places.iter().map(|place| place.dataset.as_str()));
        ids.extend([&self.office.other, &self.office.projection, &self.windows.other].map(|s| s.as_str()));
        // Two names stand for several datasets; the record decides.
        ids.retain(|id| !matches!(*id, "signins" | "office_activity"));
        ids.extend([
            "signins_interactive_user",
            "signins_non_interactive_user",
            "signins_service_principal",
            "signins_managed_identity",
        ]);
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue, Layout};

    #[test]
    fn the_embedded_rules_compile_and_fit_their_bits() {
        let rules = Rules::builtin();
        assert!(rules.members.len() <= WORDS * 64, "{} members", rules.members.len());
        for name in rules.members.keys() {
            assert!(name.len() <= 64 && !name.contains(char::is_whitespace), "{name}");
            assert_eq!(*name, name.to_ascii_lowercase());
        }
        assert!(rules.datasets().len() > 100);
    }

    /// A record of another form than its dataset's could not stand in its part.
    #[test]
    fn text_and_xml_belong_to_datasets_of_their_form() {
        let (rules, catalogue) = (Rules::builtin(), Catalogue::builtin());
        let layout = |id: &String| (id.clone(), catalogue.dataset(id).map(|dataset| dataset.layout));
        // The lines of this one become JSON.
        assert_eq!(layout(&rules.text["radius-log"]).1, Some(Layout::Jsonl));
        let shapes = rules.text.iter().filter(|(shape, _)| *shape != "radius-log");
        let text = shapes.map(|(_, id)| id).chain(rules.text_places.iter().map(|place| &place.dataset));
        for (id, layout) in text.map(layout) {
            assert_eq!(layout, Some(Layout::Text), "{id}");
        }
        let xml = rules.xml.values().chain(rules.xml_content.iter().map(|row| &row.dataset));
        for (id, layout) in xml.map(layout) {
            assert_eq!(layout, Some(Layout::Xml), "{id}");
        }
    }

    #[test]
    fn places_of_logs_tell_their_product() {
        let rules = Rules::builtin();
        for (name, dataset) in [
            (r"C\Program Files\Azure AD Password Protection DC Agent\Logs\a.log", Some("pwdprot_dc_text")),
            ("logs/AdHealthAadSyncAgentSetup.log", Some("health_agent_logs")),
            ("PhoneFactor.log", Some("authenticator_log")),
            ("notes.txt", None),
        ] {
            assert_eq!(rules.text_at(name), dataset, "{name}");
        }
    }

    #[test]
    fn members_compare_by_any_spelling() {
        let rules = Rules::builtin();
        let time = rules.member("timegenerated");
        assert!(time.is_some());
        for name in ["TimeGenerated", "TimeGenerated [UTC]", "Time Generated ", "TimeGenerated_string"] {
            assert_eq!(rules.member(name), time, "{name}");
        }
        assert_eq!(rules.member(&"x".repeat(500)), None);
        for (name, number) in &rules.members {
            assert_eq!(rules.member(name), Some(*number));
            assert_eq!(rules.member(&name.to_ascii_uppercase()), Some(*number));
        }
    }
}
