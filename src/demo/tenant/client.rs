//! What a Windows client says about its registration: `dsregcmd /status`.

use super::Tenant;
use super::clock::{DAY, utc};
use super::directory::Trust;

impl Tenant {
    /// `dsregcmd /status` of one device, as text.
    pub(super) fn device_status(&self) -> String {
        let directory = &self.directory;
        let device = directory
            .devices
            .iter()
            .find(|device| device.trust == Trust::Hybrid)
            .unwrap_or(&directory.devices[0]);
        let owner = &directory.people[device.owner];
        let domains = &directory.domains;
        let tenant = directory.tenant;
        let sam = owner.on_premises.as_ref().map_or("", |on_premises| &on_premises.sam);
        let mut random = self.random("dsregcmd", 0);
        let mut out = String::new();
        let mut section = |title: &str, rows: &[(&str, String)]| {
            let rule = "-".repeat(70);
            out.push_str(&format!("+{rule}+\r\n| {title:<69}|\r\n+{rule}+\r\n\r\n"));
            for (name, value) in rows {
                out.push_str(&format!("{name:>26} : {value}\r\n"));
            }
            out.push_str("\r\n");
        };
        let yes = || "YES".to_owned();
        section(
            "Device State",
            &[
                ("AzureAdJoined", yes()),
                ("EnterpriseJoined", "NO".into()),
                ("DomainJoined", yes()),
                ("DomainName", domains.netbios.clone()),
                ("Device Name", format!("{}.{}", device.name, domains.forest)),
            ],
        );
        section(
            "Device Details",
            &[
                ("DeviceId", device.device_id.to_string()),
                ("Thumbprint", device.thumbprint.clone()),
                (
                    "DeviceCertificateValidity",
                    format!("[ {} -- {} ]", utc(owner.created), utc(owner.created + 3_650 * DAY)),
                ),
                ("KeyContainerId", random.guid().to_string()),
                ("KeyProvider", "Microsoft Platform Crypto Provider".into()),
                ("TpmProtected", yes()),
                ("DeviceAuthStatus", "SUCCESS".into()),
            ],
        );
        section(
            "Tenant Details",
            &[
                ("TenantName", "Contoso".into()),
                ("TenantId", tenant.to_string()),
                ("AuthCodeUrl", format!("https://login.microsoftonline.com/{tenant}/oauth2/authorize")),
                ("AccessTokenUrl", format!("https://login.microsoftonline.com/{tenant}/oauth2/token")),
                ("JoinSrvVersion", "2.0".into()),
                ("JoinSrvUrl", "https://enterpriseregistration.windows.net/EnrollmentServer/device/".into()),
                ("WebAuthNSrvUrl", format!("https://enterpriseregistration.windows.net/webauthn/{tenant}/")),
            ],
        );
        section(
            "User State",
            &[
                ("NgcSet", yes()),
                ("NgcKeyId", format!("{{{}}}", random.guid().to_string().to_uppercase())),
                ("WorkplaceJoined", "NO".into()),
                ("WamDefaultSet", yes()),
                ("WamDefaultAuthority", "organizations".into()),
                ("WamDefaultGUID", "{ B16898C6-A148-4967-9171-64D755DA8520 } (AzureAd)".into()),
            ],
        );
        section(
            "SSO State",
            &[
                ("AzureAdPrt", yes()),
                ("AzureAdPrtUpdateTime", utc(self.clock.ago(7_000))),
                ("AzureAdPrtAuthority", format!("https://login.microsoftonline.com/{tenant}")),
                ("EnterprisePrt", "NO".into()),
                ("OnPremTgt", yes()),
            ],
        );
        section(
            "Diagnostic Data",
            &[
                ("Executing Account Name", format!("{}\\{sam}, {}", domains.netbios, owner.upn)),
                ("Client IP", owner.home_address.clone()),
                ("Last HostName Update", "NONE".into()),
                (
                    "Server Error Description",
                    format!(
                        "AADSTS50155: Device authentication failed for user {} on {}",
                        owner.upn, device.name
                    ),
                ),
            ],
        );
        out
    }
}
