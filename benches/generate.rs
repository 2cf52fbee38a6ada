//! Large input for measurements, from the simulated tenant: the same arguments, the same bytes.
//!
//! `cargo run --release --example generate -- FOLDER MIB [USERS]` writes `users.json`, MIB of sign-ins
//! (`signins.jsonl`), MIB/8 of audits (`audits.jsonl`) and MIB/4 of Entra Connect trace (`trace.log`).
//! Sizes are reached, not hit: the last record is whole. The data measures speed; it is no substitute
//! for real documents.

use entra_bundle::demo::tenant::{Scale, Tenant};
use serde_json::{Value, json};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// A tenant with enough sign-ins and audits for files of so many bytes.
pub fn tenant(bytes: u64, users: usize) -> Tenant {
    let least = usize::try_from(bytes / 1_000).unwrap_or(usize::MAX).max(Scale::MIN_SIGN_INS);
    let now = "2026-11-20T09:00:00Z".parse().unwrap_or_default();
    Tenant::simulate(&Scale { users, sign_ins: least, audits: least, ..Scale::new(now) })
}

/// Interactive sign-ins, one a line, until `bytes` are reached.
pub fn sign_ins(tenant: &Tenant, bytes: u64, out: &mut impl Write) -> std::io::Result<u64> {
    lines(bytes, out, |index| tenant.sign_in(index))
}

/// Directory audits, one a line, until `bytes` are reached.
pub fn audits(tenant: &Tenant, bytes: u64, out: &mut impl Write) -> std::io::Result<u64> {
    lines(bytes, out, |index| tenant.audit(index))
}

/// The users as Graph serves them.
pub fn users(tenant: &Tenant) -> Vec<Value> {
    tenant.collection("users").unwrap_or_default()
}

fn lines(bytes: u64, out: &mut impl Write, record: impl Fn(usize) -> Value) -> std::io::Result<u64> {
    let mut written = 0;
    for index in 0.. {
        if written >= bytes {
            break;
        }
        let line = serde_json::to_vec(&record(index))?;
        out.write_all(&line)?;
        out.write_all(b"\n")?;
        written += line.len() as u64 + 1;
    }
    Ok(written)
}

/// A trace as the Entra Connect wizard writes it, about the people of the tenant, CRLF.
pub fn trace(users: &[Value], bytes: u64, out: &mut impl Write) -> std::io::Result<u64> {
    let mut written = 0;
    let mut state = 1u64;
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit.max(1)
    };
    for at in 0u64.. {
        if written >= bytes {
            break;
        }
        let user = &users[below(users.len() as u64) as usize];
        let (upn, name) = (text(user, "userPrincipalName"), text(user, "displayName"));
        let account = upn.split('@').next().unwrap_or_default();
        let (a, b, number) = (below(256), below(256), below(100_000));
        let message = match at % 9 {
            0 => format!(
                "ProvisioningServiceAdapter::ExecuteWithRetry: Action: Export, Attempt: {}, {upn}",
                a % 5
            ),
            1 => format!(
                "Export of CN={name},OU=Staff,DC=contoso,DC=com failed: {upn} is not unique. [{number}]"
            ),
            2 => format!("The account CONTOSO\\{account} signed in from 203.0.113.{a} port {number}"),
            3 => format!(
                "Resolved S-1-5-21-3623811015-3361044348-30300820-{number} to {upn} in {b} milliseconds"
            ),
            4 => format!(
                "Could not open C:\\Users\\{account}\\AppData\\Local\\Temp\\{number:x}.xml: access denied"
            ),
            5 => format!(
                "Passthrough agent 2001:db8:{a:x}::{b:x} answered for {upn}, trace id {}",
                text(user, "id")
            ),
            6 => {
                "AzureADConnect.exe 2.4.21.0, .NET Framework 4.8.9256.0, Windows Server 2022 10.0.20348.2849"
                    .to_owned()
            }
            7 => format!(
                "System.AggregateException: One or more errors occurred. ({number})\r\n   at Microsoft.Online.Deployment.Framework.Providers.ProviderBase.Execute(String name) in line {a}\r\n   at System.Threading.Tasks.Task.Execute()"
            ),
            _ => format!("Delta import of {number} objects completed, watermark {:016x}", number * 7919),
        };
        let (second, thread) = (at / 20, at % 30);
        let line = format!(
            "[{:02}:{:02}:{:02}.{:03}] [{thread:3}] [INFO ] {message}\r\n",
            second / 3600 % 24,
            second / 60 % 60,
            second % 60,
            at % 20 * 50
        );
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
    }
    Ok(written)
}

fn text<'a>(user: &'a Value, member: &str) -> &'a str {
    user.get(member).and_then(Value::as_str).unwrap_or_default()
}

#[allow(dead_code)] // the benchmark takes the functions above alone
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: generate FOLDER MIB [USERS]")?;
    let bytes = arguments.next().ok_or("usage: generate FOLDER MIB [USERS]")?.parse::<u64>()? << 20;
    let users_wanted = arguments.next().map_or(Ok(20_000), |users| users.parse())?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let create = |name: &str| File::create(folder.join(name)).map(|f| BufWriter::with_capacity(1 << 20, f));
    let tenant = tenant(bytes, users_wanted);
    let users = users(&tenant);
    let context = "https://graph.microsoft.com/v1.0/$metadata#users";
    serde_json::to_writer(create("users.json")?, &json!({"@odata.context": context, "value": users}))?;
    let sign_ins = sign_ins(&tenant, bytes, &mut create("signins.jsonl")?)?;
    let audits = audits(&tenant, bytes / 8, &mut create("audits.jsonl")?)?;
    let trace = trace(&users, bytes / 4, &mut create("trace.log")?)?;
    println!("users {}, sign-ins {sign_ins} B, audits {audits} B, trace {trace} B", users.len());
    Ok(())
}
