//! The exported configuration of the synchronization server (`Get-ADSyncServerConfiguration`), in
//! small. Generated, and labelled so in every file.

use super::Tenant;
use super::clock::{DAY, text};

impl Tenant {
    /// The exported server configuration: path below its folder, content. Generated, and labelled so.
    pub(super) fn server_configuration(&self) -> Vec<(String, String)> {
        let domains = &self.directory.domains;
        let ids: Vec<String> = (0..3).map(|at| self.random("connector", at).guid().to_string()).collect();
        let note = "<!-- generated for a simulated tenant -->";
        let connector = |id: &str, name: &str, subtype: &str, inner: String| {
            format!(
                "<ma-data>\r\n  {note}\r\n  <id>{{{}}}</id>\r\n  <name>{name}</name>\r\n  <category>{subtype}</category>\r\n  <creation-time>2024-04-26 11:39:47.105</creation-time>\r\n  <version>3</version>\r\n{inner}</ma-data>\r\n",
                id.to_uppercase()
            )
        };
        let plain = |name: &str, value: &str| {
            format!(
                "      <parameter name=\"{name}\" type=\"string\" use=\"connectivity\" dataType=\"String\">{value}</parameter>\r\n"
            )
        };
        let hidden = |name: &str, at: usize| {
            format!(
                "      <parameter name=\"{name}\" type=\"encrypted-string\" use=\"connectivity\" dataType=\"String\" encrypted=\"1\">{}</parameter>\r\n",
                self.onprem_secret(at)
            )
        };
        let forest = format!(
            "  <private-configuration>\r\n    <adma-configuration>\r\n    <forest-name>{}</forest-name>\r\n    <forest-login-user>{}</forest-login-user>\r\n    <parameter-values>\r\n{}{}{}{}{}{}    </parameter-values>\r\n    </adma-configuration>\r\n  </private-configuration>\r\n",
            domains.forest,
            domains.forest_account,
            plain("forest-login-user", &domains.forest_account),
            plain("forest-login-domain", &domains.forest),
            hidden("password", 0),
            plain("Forest.LDAP", &domains.dn()),
            plain("last-dc", &format!("{}.{}", domains.server, domains.forest)),
            format_args!(
                "      <parameter name=\"cookie\" type=\"string\" use=\"partition\" dataType=\"String\">{}</parameter>\r\n",
                self.onprem_secret(1)
            ),
        );
        let cloud = format!(
            "  <private-configuration>\r\n    <parameter-values>\r\n{}{}    </parameter-values>\r\n  </private-configuration>\r\n",
            plain("UserName", &domains.sync_account),
            hidden("Password", 2)
        );
        let rule = |id: &str| {
            format!(
                "<synchronizationRule>\r\n  {note}\r\n  <id>{{{id}}}</id>\r\n  <version>1</version>\r\n  <name>In from AD - User Join (changed by Greta Schmidt)</name>\r\n  <description />\r\n  <immutable-tag>Microsoft.InfromADUserJoin.018</immutable-tag>\r\n  <direction>Inbound</direction>\r\n  <disabled>False</disabled>\r\n  <connector>{{{}}}</connector>\r\n  <sourceObjectType>user</sourceObjectType>\r\n  <targetObjectType>person</targetObjectType>\r\n  <linkType>Join</linkType>\r\n  <precedence>102</precedence>\r\n  <attribute-mappings>\r\n    <mapping>\r\n      <dest>sourceAnchor</dest>\r\n      <src>\r\n        <attr>objectGUID</attr>\r\n      </src>\r\n      <valueMergeType>Update</valueMergeType>\r\n    </mapping>\r\n  </attribute-mappings>\r\n  <scoping>OU=Sales,OU=People,{}</scoping>\r\n</synchronizationRule>\r\n",
                ids[0],
                domains.dn()
            )
        };
        let metaverse = format!(
            "<saved-mv-configuration server='{}' export-date='{}'>\r\n{note}\r\n<mv-data>\r\n <format-version>1</format-version>\r\n <version>695</version>\r\n</mv-data>\r\n</saved-mv-configuration>\r\n",
            domains.server,
            text(self.clock.ago(2 * DAY), "%Y-%m-%d %H:%M:%S.784")
        );
        vec![
            (
                format!("Connectors/Connector_{{{}}}.xml", ids[0]),
                connector(&ids[0], &domains.forest, "AD", forest),
            ),
            (
                format!("Connectors/Connector_{{{}}}.xml", ids[1]),
                connector(&ids[1], &format!("{} - AAD", domains.initial), "Extensible2", cloud),
            ),
            ("GlobalSettings/MV.xml".into(), metaverse),
            (format!("SynchronizationRules/SynchronizationRule_{{{}}}.xml", ids[2]), rule(&ids[2])),
        ]
    }
}
