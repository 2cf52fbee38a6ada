//! The customer's export folder, in the mix of shapes that customers have. Logs are streamed; the
//! same scale gives the same bytes.
//!
//! Each sign-in is written once: the older half of the interactive ones as the portal's CSV, the
//! newer half and the service principals as Graph pages, non-interactive ones as the storage archive
//! of diagnostic settings, managed identities as the portal's JSON.

use super::clock::{DAY, text};
use super::events::SignInKind;
use super::{Tenant, objects};
use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The folder while it is written.
struct Folder<'a> {
    root: &'a Path,
}

impl Folder<'_> {
    /// Opens a new file below the folder. `path` holds our own names only.
    fn create(&self, path: &str) -> Result<BufWriter<File>> {
        let full = self.root.join(path);
        if let Some(parent) = full.parent() {
            std::fs::create_dir_all(parent).map_err(failed(path))?;
        }
        File::create_new(&full).map(|file| BufWriter::with_capacity(1 << 16, file)).map_err(failed(path))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut out = self.create(path)?;
        out.write_all(bytes).and_then(|()| out.flush()).map_err(failed(path))
    }

    /// Writes records one at a time between `head` and `tail`.
    fn records(
        &self,
        path: &str,
        head: &str,
        tail: &str,
        records: impl Iterator<Item = Value>,
    ) -> Result<()> {
        let mut out = self.create(path)?;
        let put = || -> std::io::Result<()> {
            out.write_all(head.as_bytes())?;
            for (at, record) in records.enumerate() {
                if at > 0 {
                    out.write_all(b",\n")?;
                }
                serde_json::to_writer(&mut out, &record)?;
            }
            out.write_all(tail.as_bytes())?;
            out.flush()
        };
        put().map_err(failed(path))
    }

    /// A Graph answer: context and `value`.
    fn graph(&self, name: &str, context: &str, records: impl Iterator<Item = Value>) -> Result<()> {
        let head = format!("{{\"@odata.context\":\"https://graph.microsoft.com/{context}\",\"value\":[\n");
        self.records(&format!("graph/{name}.json"), &head, "\n]}\n", records)
    }
}

fn failed(path: &str) -> impl Fn(std::io::Error) -> Error + '_ {
    move |cause| Error::io(format!("cannot write `{path}` of the simulated export"), cause)
}

impl Tenant {
    /// Writes the export folder. `dir` must not hold a former one.
    pub fn export(&self, dir: &Path) -> Result<()> {
        let folder = Folder { root: dir };
        self.export_objects(&folder)?;
        self.export_sign_ins(&folder)?;
        self.export_logs(&folder)?;
        self.export_onprem(&folder)
    }

    fn export_objects(&self, folder: &Folder<'_>) -> Result<()> {
        for dataset in objects::DATASETS {
            let records = self.collection(dataset).unwrap_or_default();
            let name = match dataset {
                "conditional_access_policies" => "identity/conditionalAccess/policies",
                "named_locations" => "identity/conditionalAccess/namedLocations",
                "deleted_users" => "directory/deletedItems/microsoft.graph.user",
                "role_assignments" => "roleManagement/directory/roleAssignments",
                "user_registration_details" => "reports/authenticationMethods/userRegistrationDetails",
                "security_defaults" => "policies/identitySecurityDefaultsEnforcementPolicy",
                "on_premises_synchronization" => "directory/onPremisesSynchronization",
                "service_principals" => "servicePrincipals",
                "subscribed_skus" => "subscribedSkus",
                "directory_roles" => "directoryRoles",
                "group_settings" => "groupSettings",
                "oauth2_permission_grants" => "oauth2PermissionGrants",
                other => other,
            };
            folder.graph(dataset, &format!("v1.0/$metadata#{name}"), records.into_iter())?;
        }
        Ok(())
    }

    fn export_sign_ins(&self, folder: &Folder<'_>) -> Result<()> {
        let half = self.scale.sign_ins / 2;
        let of_kind = |kind: SignInKind, range: std::ops::Range<usize>| {
            range.filter(move |index| self.sign_in_kind(*index) == kind).map(|index| self.sign_in(index))
        };
        let day = |ago: i64| text(self.clock.ago(ago), "%Y-%m-%d");
        let csv = format!("portal/InteractiveSignIns_{}_{}.csv", day(7 * DAY), day(0));
        self.portal_csv(folder.create(&csv)?, of_kind(SignInKind::Interactive, 0..half), failed(&csv))?;
        let context = "beta/$metadata#auditLogs/signIns";
        let all = self.scale.sign_ins;
        folder.graph("signins_interactive_user", context, of_kind(SignInKind::Interactive, half..all))?;
        folder.graph("signins_service_principal", context, of_kind(SignInKind::ServicePrincipal, 0..all))?;
        let msi = format!("portal/MSISignIns_{}_{}.json", day(7 * DAY), day(0));
        folder.records(&msi, "[\n", "\n]\n", of_kind(SignInKind::ManagedIdentity, 0..all))?;
        self.export_archive(folder)
    }

    /// Non-interactive sign-ins as diagnostic settings archive them: one blob an hour, a record a line.
    fn export_archive(&self, folder: &Folder<'_>) -> Result<()> {
        let mut open: Option<(String, BufWriter<File>)> = None;
        for index in 0..self.scale.sign_ins {
            if self.sign_in_kind(index) != SignInKind::NonInteractive {
                continue;
            }
            let sign_in = self.sign_in(index);
            let hour = text(self.event(index).second, "y=%Y/m=%m/d=%d/h=%H/m=00/PT1H.json");
            let path =
                format!("storage/insights-logs-noninteractiveusersigninlogs/tenantId={}/{hour}", self.id());
            if open.as_ref().is_none_or(|(current, _)| *current != path) {
                if let Some((path, mut out)) = open.take() {
                    out.flush().map_err(failed(&path))?;
                }
                open = Some((path.clone(), folder.create(&path)?));
            }
            let Some((_, out)) = &mut open else { continue };
            serde_json::to_writer(&mut *out, &self.envelope("NonInteractiveUserSignInLogs", sign_in))
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .map_err(failed(&path))?;
        }
        match open {
            Some((path, mut out)) => out.flush().map_err(failed(&path)),
            None => Ok(()),
        }
    }

    /// A sign-in inside the envelope of diagnostic settings.
    pub fn envelope(&self, category: &str, sign_in: Value) -> Value {
        let code = sign_in["status"]["errorCode"].clone();
        let ok = code == 0;
        json!({
            "time": sign_in["createdDateTime"], "resourceId": format!("/tenants/{}/providers/Microsoft.aadiam",
            self.id()),
            "operationName": "Sign-in activity", "operationVersion": "1.0", "category": category,
            "tenantId": self.id().to_string(),
            "resultType": code.to_string(), "resultSignature": if ok { "SUCCESS" } else { "FAILURE" },
            "resultDescription": if ok { Value::Null } else { sign_in["status"]["failureReason"].clone() },
            "durationMs": 0,
            "callerIpAddress": sign_in["ipAddress"], "correlationId": sign_in["correlationId"],
            "identity": sign_in["userDisplayName"],
            "Level": 4, "location": sign_in["location"]["countryOrRegion"], "properties": sign_in,
        })
    }

    fn export_logs(&self, folder: &Folder<'_>) -> Result<()> {
        folder.graph("directory_audits", "v1.0/$metadata#auditLogs/directoryAudits", self.audits())?;
        folder.graph("provisioning_logs", "v1.0/$metadata#auditLogs/provisioning", self.provisioning())?;
        let rest = [
            ("custom_security_attribute_audits", "beta/$metadata#auditLogs/customSecurityAttributeAudits"),
            ("audit_activity_types", "beta/$metadata#auditLogs/auditActivityTypes"),
            ("risk_detections", "v1.0/$metadata#identityProtection/riskDetections"),
            ("risky_users", "v1.0/$metadata#identityProtection/riskyUsers"),
            ("service_health_overviews", "v1.0/$metadata#admin/serviceAnnouncement/healthOverviews"),
            ("service_health_issues", "v1.0/$metadata#admin/serviceAnnouncement/issues"),
            ("service_messages", "v1.0/$metadata#admin/serviceAnnouncement/messages"),
        ];
        for (dataset, context) in rest {
            folder.graph(dataset, context, self.collection(dataset).unwrap_or_default().into_iter())?;
        }
        for workload in ["AzureActiveDirectory", "Exchange", "SharePoint"] {
            let path = format!("o365/Audit.{workload}.json");
            folder.records(&path, "[\n", "\n]\n", self.office(workload).into_iter())?;
        }
        Ok(())
    }

    fn export_onprem(&self, folder: &Folder<'_>) -> Result<()> {
        let server = &self.directory.domains.server;
        folder.write(
            &format!("onprem/AADConnect/{}", self.wizard_trace_name()),
            self.wizard_trace().as_bytes(),
        )?;
        folder.write(
            "onprem/Azure AD Connect Provisioning Agent/Trace/AzureADConnectProvisioningAgent_1.log",
            self.agent_trace().as_bytes(),
        )?;
        // As `dsregcmd /status > file` writes it in Windows PowerShell: UTF-16LE with BOM.
        let status = format!("\u{feff}{}", self.device_status());
        let utf16: Vec<u8> = status.encode_utf16().flat_map(u16::to_le_bytes).collect();
        folder.write("onprem/dsregcmd.txt", &utf16)?;
        for (path, xml) in self.server_configuration() {
            folder.write(&format!("onprem/Exported-ServerConfiguration-{server}/{path}"), xml.as_bytes())?;
        }
        Ok(())
    }
}

/// What the folders of an export hold. It stands beside the export, not in it: it is no data.
pub const README: &str = "\
The folder export/ is the export of a simulated tenant. Nobody in it exists; addresses are documentation addresses.

graph/     answers of Microsoft Graph: objects, configuration, logs, health
portal/    downloads of the Entra portal: interactive sign-ins (CSV, older half), managed identities (JSON)
storage/   archive of diagnostic settings: non-interactive sign-ins, one file an hour
o365/      Office 365 audit records
onprem/    traces of Entra Connect and the provisioning agent, dsregcmd output, server configuration (all generated)
";
