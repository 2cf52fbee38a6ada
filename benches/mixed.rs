//! A folder as a customer hands it over, for measurements: a portal download, an archive of diagnostic
//! settings, pages of Graph, Entra Connect traces, connector space XML, and copies of an event log.
//!
//! `cargo run --release --example mixed -- FOLDER MIB [USERS] [EVTX]` writes about MIB in all; without
//! EVTX (a file to be copied) its share is left out. `… -- --portal FILE ROWS [USERS]` writes a portal
//! download of ROWS rows alone. The same arguments, the same bytes; everything is invented.

#[path = "generate.rs"]
#[allow(dead_code)] // its program
mod generate;

use entra_bundle::demo::tenant::{Scale, Tenant};
use serde_json::{Value, json};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes of one hour of the archive.
const HOUR: u64 = 8 << 20;
/// Bytes of one trace file: the wizard writes many small ones.
const TRACE: u64 = 16 << 20;

fn tenant(sign_ins: usize, users: usize) -> Tenant {
    let now = "2026-11-20T09:00:00Z".parse().unwrap_or_default();
    Tenant::simulate(&Scale { users, sign_ins: sign_ins.max(Scale::MIN_SIGN_INS), ..Scale::new(now) })
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(BufWriter::with_capacity(1 << 20, File::create(path)?))
}

/// Counts what passes.
struct Counted<W>(W, u64);

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.1 += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A portal download of `rows` rows.
fn portal(tenant: &Tenant, path: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    tenant.portal_csv(create(path)?, (0..rows).map(|index| tenant.sign_in(index)), |e| {
        entra_bundle::error::Error::io("cannot write the download", e)
    })?;
    Ok(())
}

/// Sign-ins in the envelope of diagnostic settings, an hour a file.
fn archive(tenant: &Tenant, folder: &Path, bytes: u64) -> io::Result<()> {
    let mut index = 0;
    for hour in 0..bytes.div_ceil(HOUR) {
        let (day, of_day) = (1 + hour / 24 % 28, hour % 24);
        let path = format!("y=2026/m={:02}/d={day:02}/h={of_day:02}/m=00/PT1H.json", 1 + hour / 24 / 28);
        let mut out = Counted(create(&folder.join(path))?, 0);
        while out.1 < HOUR.min(bytes) {
            serde_json::to_writer(
                &mut out,
                &tenant.envelope("NonInteractiveUserSignInLogs", tenant.sign_in(index)),
            )?;
            out.write_all(b"\n")?;
            index += 1;
        }
        out.flush()?;
    }
    Ok(())
}

/// One page of Graph with `bytes` of sign-ins.
fn page(tenant: &Tenant, path: &Path, bytes: u64) -> io::Result<()> {
    let mut out = Counted(create(path)?, 0);
    out.write_all(
        b"{\"@odata.context\":\"https://graph.microsoft.com/beta/$metadata#auditLogs/signIns\",\"value\":[",
    )?;
    for index in 0.. {
        if out.1 >= bytes {
            break;
        }
        if index > 0 {
            out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut out, &tenant.sign_in(index))?;
    }
    out.write_all(b"]}\n")?;
    out.flush()
}

/// The connector space as `csexport` writes it, UTF-16LE with its mark.
fn connector_space(users: &[Value], path: &Path, bytes: u64) -> io::Result<()> {
    let mut out = Counted(create(path)?, 0);
    let mut wide = |text: &str| -> io::Result<u64> {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        out.write_all(&units)?;
        Ok(out.1)
    };
    wide("\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n<cs-objects>\r\n")?;
    for user in users.iter().cycle() {
        let text = |member: &str| user.get(member).and_then(Value::as_str).unwrap_or_default();
        let (upn, name, id) = (text("userPrincipalName"), text("displayName"), text("id"));
        let object = format!(
            "<cs-object cs-dn=\"CN={name},OU=Staff,DC=contoso,DC=com\" id=\"{{{id}}}\" object-type=\"user\"><synchronized-hologram><entry>\
             <attr name=\"userPrincipalName\" type=\"string\"><value>{upn}</value></attr><attr name=\"displayName\" type=\"string\"><value>{name}</value></attr>\
             <attr name=\"accountEnabled\" type=\"boolean\"><value>true</value></attr></entry></synchronized-hologram></cs-object>\r\n"
        );
        if wide(&object)? >= bytes {
            break;
        }
    }
    wide("</cs-objects>\r\n")?;
    out.flush()
}

fn mixed(folder: &Path, bytes: u64, users: usize, log: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let tenant = tenant(usize::try_from(bytes / 4_000)?, users);
    let users = generate::users(&tenant);
    let context = "https://graph.microsoft.com/v1.0/$metadata#users";
    serde_json::to_writer(
        create(&folder.join("graph/users.json"))?,
        &json!({"@odata.context": context, "value": users}),
    )?;
    // A row of the download has about 900 bytes.
    portal(
        &tenant,
        &folder.join("portal/InteractiveSignIns_2026-11-20.csv"),
        usize::try_from(bytes / 4 / 900)?,
    )?;
    archive(&tenant, &folder.join("storage/insights-logs-noninteractiveusersigninlogs"), bytes / 4)?;
    page(&tenant, &folder.join("graph/signins.json"), bytes / 8)?;
    for number in 0..(bytes / 8).div_ceil(TRACE) {
        let path = folder.join(format!("AADConnect/trace-202611{:02}-070809.log", 1 + number % 28));
        generate::trace(&users, TRACE.min(bytes / 8), &mut create(&path)?)?;
    }
    connector_space(&users, &folder.join("export/csexport.xml"), bytes / 8)?;
    let Some(log) = log else {
        println!("SKIPPED: no event log to copy");
        return Ok(());
    };
    for number in 0..(bytes / 8).div_ceil(fs::metadata(log)?.len().max(1)) {
        let path = folder.join(format!("evtx/System-{number:04}.evtx"));
        create(&path)?;
        fs::copy(log, path)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    const USAGE: &str = "usage: mixed FOLDER MIB [USERS] [EVTX] | mixed --portal FILE ROWS [USERS]";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--portal", file, rows, ref rest @ ..] => {
            let (rows, users) = (rows.parse()?, rest.first().map_or(Ok(20_000), |users| users.parse())?);
            portal(&tenant(rows, users), Path::new(file), rows)
        }
        [folder, mib, ref rest @ ..] => {
            let users = rest.first().map_or(Ok(20_000), |users| users.parse())?;
            mixed(Path::new(folder), mib.parse::<u64>()? << 20, users, rest.get(1).map(Path::new))
        }
        _ => Err(USAGE.into()),
    }
}
