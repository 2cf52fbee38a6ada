//! Every identifying string of the tenant, for tests that none of them is left where it must not be.

use super::Tenant;
use super::events::ATTACKER;
use super::people::OnPremises;

/// An identifying string and what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Original {
    /// What it is: `upn`, `mail`, `person_name` (two words or letters beyond ASCII), `word_name` (one
    /// word, mostly of the sort that logs are full of: not to be searched for in text), `surname`, `account`, `object_id`,
    /// `object_guid` (on premises; mostly in the dress of `immutable_id`),
    /// `immutable_id`, `sid`, `dn`, `phone`, `employee_id`, `puid`, `host`, `short_host`, `device_id`,
    /// `hardware_id`, `domain`, `tenant_id`, `ip_address`, `app_id`, `app_name`, `group_id`,
    /// `group_name`, `policy_name`, `network`.
    pub kind: &'static str,
    /// The string.
    pub value: String,
}

impl Tenant {
    /// All identifying strings, sorted, without repetition.
    pub fn originals(&self) -> Vec<Original> {
        let mut out = Vec::new();
        let mut add = |kind: &'static str, value: &str| {
            if !value.is_empty() {
                out.push(Original { kind, value: value.to_owned() });
            }
        };
        let directory = &self.directory;
        for person in directory.people.iter().chain(&directory.deleted) {
            let distinct =
                person.name.contains(' ') || !person.name.is_ascii() || person.name.contains(['-', '_']);
            add(if distinct { "person_name" } else { "word_name" }, &person.name);
            let plain = self.tables.names.surname.contains(&person.surname);
            add(if plain { "surname" } else { "word_name" }, &person.surname);
            add("upn", &person.upn);
            add("mail", &person.mail);
            add("object_id", &person.id.to_string());
            add("sid", &person.id.sid());
            add("employee_id", &person.employee);
            add("puid", &person.puid);
            add("ip_address", &person.home_address);
            if person.is_human() {
                add("phone", &person.phone);
            }
            if let Some(OnPremises { guid, sid, dn, sam }) = &person.on_premises {
                add("object_guid", &guid.to_string());
                add("immutable_id", &guid.anchor());
                add("sid", sid);
                add("dn", dn);
                add("account", &format!("{}\\{sam}", directory.domains.netbios));
            }
        }
        for device in &directory.devices {
            add(if device.name.len() < 5 { "short_host" } else { "host" }, &device.name);
            add("device_id", &device.id.to_string());
            add("device_id", &device.device_id.to_string());
            add("hardware_id", &device.serial);
        }
        for group in &directory.groups {
            add("group_id", &group.id.to_string());
            add("group_name", &group.name);
        }
        for app in directory.apps.iter().filter(|app| !app.first_party) {
            add("app_id", &app.app_id);
            add("app_id", &app.principal.to_string());
            add("app_name", &app.name);
        }
        for name in Self::policy_names() {
            add("policy_name", name);
        }
        let domains = &directory.domains;
        for domain in [&domains.main, &domains.initial, &domains.federated, &domains.forest] {
            add("domain", domain);
        }
        for partner in &self.tables.names.partners {
            add("domain", partner);
        }
        add("tenant_id", &directory.tenant.to_string());
        add("host", &format!("{}.{}", domains.server, domains.forest));
        add("short_host", &domains.server);
        add("short_host", &domains.controller);
        add("network", "203.0.113.0/25");
        add("ip_address", ATTACKER);
        for place in &self.tables.places {
            add("ip_address", &place.office);
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Every secret that the export holds: nothing of it may stand in a bundle, in any form.
    pub fn secrets(&self) -> Vec<String> {
        let mut all = self.onprem_secrets();
        all.extend(self.banned_passwords());
        all.extend(self.directory.devices.iter().enumerate().map(|(at, device)| self.device_key(at, device)));
        all
    }
}
