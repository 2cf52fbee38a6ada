//! What the synchronization server leaves behind: Connect wizard trace, provisioning agent trace.
//!
//! The wizard trace follows the grammar `[HH:MM:SS.mmm] [<thread>] [INFO |VERB |WARN |ERROR] text`
//! with continuation lines; all samples are generated.

use super::Tenant;
use super::clock::{DAY, text, utc_ticks};
use super::random::Random;

/// Connect version: four numbers that are no address.
const VERSION: &str = "2.4.21.0";

impl Tenant {
    pub(super) fn onprem_secret(&self, at: usize) -> String {
        self.random("secret on premises", at).base64::<48>()
    }

    /// A token that a trace should never hold, and does.
    fn bearer(&self) -> String {
        let mut random = self.random("bearer", 0);
        format!(
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOi{}.{}",
            random.base64url::<60>(),
            random.base64url::<64>()
        )
    }

    fn client_secret(&self) -> String {
        let mut random = self.random("client secret", 0);
        format!("Q3x8Q~{}", random.hex::<17>())
    }

    /// Secrets of the files on premises.
    pub(super) fn onprem_secrets(&self) -> Vec<String> {
        let mut all: Vec<String> = (0..3).map(|at| self.onprem_secret(at)).collect();
        all.push(self.bearer());
        all.push(self.client_secret());
        all
    }

    /// Name of the wizard trace: its date stands nowhere else.
    pub(super) fn wizard_trace_name(&self) -> String {
        text(self.clock.ago(2 * DAY), "trace-%Y%m%d-070809.log")
    }

    /// The Connect wizard trace, CRLF.
    pub(super) fn wizard_trace(&self) -> String {
        let directory = &self.directory;
        let domains = &directory.domains;
        let mut trace = Trace {
            out: String::new(),
            millisecond: (7 * 3_600 + 8 * 60 + 9) * 1_000,
            random: self.random("wizard", 0),
        };
        let greta = &directory.people[directory.person("greta.schmidt@contoso.com")];
        let admin = "adm-gschmidt@contoso.onmicrosoft.com";
        let mut random = self.random("wizard ids", 0);
        let correlation = random.guid();
        trace.line(
            "INFO ",
            "================================================================================",
        );
        trace.line("INFO ", "Application starting");
        trace.line(
            "INFO ",
            &format!("Start Time (Local): {}", text(self.clock.ago(2 * DAY), "%a, %d %b %Y 07:08:09 GMT")),
        );
        trace.line("INFO ", &format!("Starting, version {VERSION}"));
        trace.line("INFO ", "Build: 24H2 (release) OS 10.0.20348.2849, .NET Framework 4.8.9256.0");
        trace.line("INFO ", &format!("TelemetryDeviceIdentifier: {}", random.guid()));
        trace.line(
            "INFO ",
            &format!(
                "Machine name: {}.{} (user {}\\adm-gschmidt)",
                domains.server, domains.forest, domains.netbios
            ),
        );
        trace.line(
            "INFO ",
            "Proxy settings: http://proxy.corp.contoso.com:8080, bypass 10.20.30.0/24;localhost",
        );
        trace.line(
            "VERB ",
            &format!(
                "Persisted state file: C:\\Users\\adm-gschmidt\\AppData\\Local\\Temp\\{}.xml",
                random.hex::<4>()
            ),
        );
        trace.line("INFO ", &format!("Product code {{{}}} is installed, version {VERSION}", random.guid()));
        trace.line(
            "INFO ",
            "Detected Microsoft.Online.Deployment 9.8.7.0; Microsoft.Identity.Client 4.66.2.0",
        );
        trace.line("WARN ", &format!("Token request for {admin}"));
        trace.more(&format!(" authority: https://login.microsoftonline.com/{}", domains.initial));
        trace.more(&format!(" correlation id: {correlation}"));
        trace.more(" resource: https://graph.windows.net");
        trace.line("VERB ", &format!("Acquired token: Authorization: Bearer {}", self.bearer()));
        trace.line(
            "INFO ",
            &format!("Tenant id {}, initial domain {}, user name {admin}", directory.tenant, domains.initial),
        );
        trace.line(
            "INFO ",
            &format!(
                "Connected to forest {} through {}.{} at 10.20.30.40:389",
                domains.forest, domains.controller, domains.forest
            ),
        );
        trace.line(
            "INFO ",
            &format!(
                "AD connector account {}\\{} (S-1-5-21 of the forest: {}-1107)",
                domains.netbios, domains.forest_account, domains.sid
            ),
        );
        trace.line("INFO ", &format!("Cloud connector account {}", domains.sync_account));
        trace.line(
            "INFO ",
            &format!("Service account {}\\ADSyncMSA4f1c$ runs on {}", domains.netbios, domains.server),
        );
        for person in directory.people.iter().filter(|person| person.on_premises.is_some()).take(40) {
            let Some(on_premises) = &person.on_premises else { continue };
            match random.below(6) {
                0 => trace.line(
                    "VERB ",
                    &format!(
                        "Import add: {} (sourceAnchor {}, {}\\{})",
                        on_premises.dn,
                        on_premises.guid.anchor(),
                        domains.netbios,
                        on_premises.sam
                    ),
                ),
                1 => trace.line(
                    "WARN ",
                    &format!(
                        "Attribute ProxyAddresses of {} has a duplicate value smtp:info@{}",
                        person.upn, domains.main
                    ),
                ),
                2 => trace.line(
                    "INFO ",
                    &format!(
                        "User {} <{}> matched by mail, objectSid {}",
                        person.name, person.mail, on_premises.sid
                    ),
                ),
                3 => trace
                    .line("VERB ", &format!("cloudAnchor User_{} joined to {}", person.id, on_premises.dn)),
                4 => trace.line(
                    "INFO ",
                    &format!(
                        "Password hash synchronization of {} succeeded (request {})",
                        person.upn,
                        random.guid()
                    ),
                ),
                _ => trace.line(
                    "VERB ",
                    &format!(
                        "Export to cloud: User_{} from {}\\{}",
                        person.id.to_string().to_uppercase(),
                        domains.netbios,
                        on_premises.sam
                    ),
                ),
            }
        }
        trace.line(
            "ERROR",
            &format!(
                "Cannot read profile C:\\Users\\{}\\Documents\\ad connect.xml",
                greta.on_premises.as_ref().map_or("gschmidt", |on_premises| &on_premises.sam)
            ),
        );
        trace.line(
            "ERROR",
            &format!(
                "Export failed: the object CN={{{}}} of {} was rejected",
                data_encoding::HEXUPPER.encode(
                    greta
                        .on_premises
                        .as_ref()
                        .map_or(String::new(), |on_premises| on_premises.guid.anchor())
                        .as_bytes()
                ),
                greta.name
            ),
        );
        trace.more("Exception Data (Raw): System.DirectoryServices.Protocols.LdapException: The LDAP server is unavailable.");
        trace.more("   at System.DirectoryServices.Protocols.LdapConnection.Connect()");
        trace.more("   at Microsoft.Online.Deployment.Framework.Providers.ActiveDirectoryProvider.BindTo(String server) in C:\\a\\_work\\1\\s\\Providers\\ActiveDirectoryProvider.cs:line 417");
        trace.line("ERROR", &format!("AADSTS50076: Due to a configuration change made by your administrator, user {admin} must use multi-factor authentication. Trace ID: {} Correlation ID: {correlation} Timestamp: {}",
            random.guid(), text(self.clock.ago(2 * DAY), "%Y-%m-%d 07:15:00Z")));
        trace.line(
            "VERB ",
            &format!(
                "Passthrough agent registration: tenant={} client_secret={}",
                directory.tenant,
                self.client_secret()
            ),
        );
        trace.line("INFO ", "Synchronization counts: 231 users, 18 groups, 97 devices; 3 errors");
        trace.line("INFO ", "Closing application, exit code 0");
        trace.out
    }

    /// The trace of the provisioning agent: message, `ThreadId=`, `DateTime=`.
    pub(super) fn agent_trace(&self) -> String {
        let directory = &self.directory;
        let domains = &directory.domains;
        let mut random = self.random("agent trace", 0);
        let mut out = String::new();
        let agent = random.guid();
        let mut second = self.clock.ago(DAY);
        let mut record = |level: &str, message: String, random: &mut Random| {
            second += 1 + random.below(40) as i64;
            out.push_str(&format!(
                "AADConnectProvisioningAgent.exe {level}: 0 : {message}\r\n    ThreadId={}\r\n    DateTime={}\r\n",
                3 + random.below(30),
                utc_ticks(second, random.below(10_000_000))
            ));
        };
        record(
            "Information",
            format!(
                "Agent {agent} of tenant {} started on {}.{}, version 1.1.1586.0",
                directory.tenant, domains.server, domains.forest
            ),
            &mut random,
        );
        for person in directory.people.iter().filter(|person| person.on_premises.is_some()).take(25) {
            let Some(on_premises) = &person.on_premises else { continue };
            let request = random.guid();
            match random.below(4) {
                0 => record(
                    "Error",
                    format!(
                        "Request {request}: LDAP modify of '{}' failed, objectGUID {}: insufficient access rights",
                        on_premises.dn, on_premises.guid
                    ),
                    &mut random,
                ),
                1 => record(
                    "Information",
                    format!(
                        "Request {request}: GET {{\"userName\":\"{}\",\"externalId\":\"{}\"}}",
                        person.upn,
                        on_premises.guid.anchor()
                    ),
                    &mut random,
                ),
                2 => record(
                    "Warning",
                    format!(
                        "Request {request}: {}\\{} is locked out (0x80070533)",
                        domains.netbios, on_premises.sam
                    ),
                    &mut random,
                ),
                _ => record(
                    "Verbose",
                    format!(
                        "Request {request}: found {} at ldap://{}.{}:636, 1 entry",
                        person.mail, domains.controller, domains.forest
                    ),
                    &mut random,
                ),
            }
        }
        out
    }
}

/// A wizard trace while it is written.
struct Trace {
    out: String,
    /// Milliseconds since midnight, local time.
    millisecond: u64,
    random: Random,
}

impl Trace {
    /// A line with its prefix.
    fn line(&mut self, level: &str, message: &str) {
        self.millisecond += self.random.below(2_000);
        let second = self.millisecond / 1_000;
        let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
        let thread = 1 + self.random.below(30);
        self.out.push_str(&format!(
            "[{hours:02}:{minutes:02}:{seconds:02}.{:03}] [{thread:>3}] [{level}] {message}\r\n",
            self.millisecond % 1_000
        ));
    }

    /// A continuation line, without prefix.
    fn more(&mut self, message: &str) {
        self.out.push_str(message);
        self.out.push_str("\r\n");
    }
}
