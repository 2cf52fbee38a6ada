//! The exported configuration of the synchronization server (`Get-ADSyncServerConfiguration`), in
//! small. Generated, and labelled so in every file; the templates stand in `connect/`.

use super::Tenant;
use super::clock::{DAY, text};

impl Tenant {
    /// Path below the folder of the configuration, and content.
    pub(super) fn server_configuration(&self) -> Vec<(String, String)> {
        let domains = &self.directory.domains;
        let [forest, cloud, rule] = [0, 1, 2].map(|at| self.random("connector", at).guid().to_string());
        let date = text(self.clock.ago(2 * DAY), "%Y-%m-%d %H:%M:%S.784");
        let fill = |template: &str, id: &str| {
            let values = [
                ("{id}", id),
                ("{connector}", &forest),
                ("{forest}", &domains.forest),
                ("{netbios}", &domains.netbios),
                ("{account}", &domains.forest_account),
                ("{server}", &domains.server),
                ("{initial}", &domains.initial),
                ("{sync}", &domains.sync_account),
                ("{date}", &date),
                ("{dn}", &domains.dn()),
                ("{secret0}", &self.onprem_secret(0)),
                ("{secret1}", &self.onprem_secret(1)),
                ("{secret2}", &self.onprem_secret(2)),
            ];
            values.iter().fold(template.replace('\n', "\r\n"), |xml, (name, value)| xml.replace(name, value))
        };
        vec![
            (
                format!("Connectors/Connector_{{{forest}}}.xml"),
                fill(include_str!("connect/forest.xml"), &forest.to_uppercase()),
            ),
            (
                format!("Connectors/Connector_{{{cloud}}}.xml"),
                fill(include_str!("connect/cloud.xml"), &cloud.to_uppercase()),
            ),
            ("GlobalSettings/MV.xml".into(), fill(include_str!("connect/metaverse.xml"), "")),
            (
                format!("SynchronizationRules/SynchronizationRule_{{{rule}}}.xml"),
                fill(include_str!("connect/rule.xml"), &rule),
            ),
        ]
    }
}
