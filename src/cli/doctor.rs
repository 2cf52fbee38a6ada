//! `doctor`: is everything there that a collection needs? Asks, changes nothing.

use super::tenant::Tenant;
use super::ui::{self, Ui};
use super::{places, plan, policy};
use crate::catalogue::graph::{Licence, Row};
use crate::error::{Error, Result};
use crate::gather::plan::{Known, decide};
use crate::gather::probe;
use crate::http::{self, Address};
use clap::Args;
use comfy_table::{Table, presets};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A sign-in by certificate fails when the clocks differ by more (Microsoft identity platform: five minutes).
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Free space below which a collection may not end.
const LITTLE: u64 = 2 << 30;

/// What is examined.
#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    tenant: Tenant,
    /// Only these datasets. Repeatable.
    #[arg(long, value_name = "ID")]
    dataset: Vec<String>,
    /// A file with further datasets of Microsoft Graph.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Warning,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Runs `doctor`.
///
/// # Errors
/// Access, when something stands in the way of a collection; what it is was printed.
pub fn run(ui: Ui, args: &Doctor) -> Result<u8> {
    let mut findings = vec![state(), disk()];
    if args.tenant.tenant.is_some() {
        service(ui, args, &mut findings)?;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for finding in &findings {
        let mark = match finding.verdict {
            Verdict::Good => "good",
            Verdict::Warning => "warning",
            Verdict::Bad => "BAD",
        };
        let hint = finding.hint.as_ref().map(|hint| format!("\n  {hint}")).unwrap_or_default();
        table.add_row([mark.to_owned(), finding.what.to_owned(), format!("{}{hint}", finding.says)]);
    }
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Good);
    ui.result(&findings, &ui::plain(&table))?;
    Ok(if worst == Verdict::Bad { crate::error::Kind::Access.code() } else { 0 })
}

/// The folder for workspaces and keys can be written.
fn state() -> Finding {
    let tried = places::state().and_then(|folder| {
        places::private_folder(&folder)?;
        tempfile::tempfile_in(&folder).map_err(|e| Error::io("cannot write there", e))?;
        Ok(folder)
    });
    match tried {
        Ok(folder) => good("keys and workspaces", format!("can be kept in {}", folder.display())),
        Err(error) => bad("keys and workspaces", &error),
    }
}

fn disk() -> Finding {
    let free = places::state().ok().and_then(|folder| {
        // The folder itself may not be there yet; `state` has made it where it can be.
        folder.ancestors().find_map(|folder| fs4::available_space(folder).ok())
    });
    match free {
        None => Finding {
            what: "disk",
            verdict: Verdict::Warning,
            says: "free space is not known".into(),
            hint: None,
        },
        Some(free) if free < LITTLE => Finding {
            what: "disk",
            verdict: Verdict::Warning,
            says: format!("{} free for the workspace", ui::size(free)),
            hint: Some("name a folder on a larger disk with --workspace".into()),
        },
        Some(free) => good("disk", format!("{} free for the workspace", ui::size(free))),
    }
}

fn service(ui: Ui, args: &Doctor, findings: &mut Vec<Finding>) -> Result<()> {
    let cloud = args.tenant.cloud()?;
    let network = args.tenant.network()?;
    let mut reached = true;
    for (what, host) in [("sign-in service", &cloud.login), ("Microsoft Graph", &cloud.graph)] {
        let answer = Address::parse(host).and_then(|address| http::reach(&network, &address, Timestamp::now));
        reached &= answer.is_ok();
        match answer {
            Err(error) => findings.push(bad(what, &error)),
            Ok(answer) if answer.page && what == "Microsoft Graph" => findings.push(Finding {
                what,
                verdict: Verdict::Bad,
                says: "a page for people answers in its place".into(),
                hint: Some("a proxy or a captive portal? see --proxy, --no-proxy and --ca-file".into()),
            }),
            Ok(answer) => {
                findings.push(good(what, format!("answers in {} ms", answer.latency.as_millis())));
                findings.extend(answer.ahead.map(clock));
            }
        }
    }
    if !reached {
        return Ok(());
    }
    let catalogue = policy::catalogue(args.catalogue.as_deref())?;
    let rows = args.tenant.rows(catalogue.requests(), &args.dataset, &[])?;
    let signed = args.tenant.graph(ui, &rows).and_then(|graph| Ok((graph.sign_in()?, graph)));
    let (claims, graph) = match signed {
        Ok(signed) => signed,
        Err(error) => {
            findings.push(bad("sign-in", &error));
            return Ok(());
        }
    };
    let who = if claims.is_delegated() { "a person" } else { "an application" };
    findings.push(good("sign-in", format!("as {who}, with {} permissions", claims.permissions().len())));
    let now = Timestamp::now();
    let answers = probe::ask(&graph, &[], None, now)?;
    let known = Known { claims: Some(claims), licence: answers.licence, cloud: cloud.id, from: None, now };
    findings.push(permissions(&rows, &known));
    findings.push(licence(&rows, &known));
    findings.push(retention(&rows, known.licence));
    Ok(())
}

fn clock(ahead: SignedDuration) -> Finding {
    let seconds = ahead.as_secs();
    let says = match seconds {
        -2..=2 => "agrees".to_owned(),
        3.. => format!("{seconds} s ahead of the service's"),
        _ => format!("{} s behind the service's", -seconds),
    };
    let fits = ahead.abs() <= SKEW;
    Finding {
        what: "clock",
        verdict: if fits { Verdict::Good } else { Verdict::Bad },
        says,
        hint: (!fits).then(|| "set the clock: a certificate's sign-in is refused beyond five minutes".into()),
    }
}

fn permissions(rows: &[&Row], known: &Known) -> Finding {
    let most = SignedDuration::from_hours(1);
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        if let Some(permission) = decide(row, known, (None, None), most).add_permission {
            *missing.entry(permission).or_default() += 1;
        }
    }
    if missing.is_empty() {
        return good("permissions", format!("all {} datasets may be read", rows.len()));
    }
    let lines: Vec<String> =
        missing.iter().map(|(name, count)| format!("{name} ({count} datasets)")).collect();
    Finding {
        what: "permissions",
        verdict: Verdict::Warning,
        says: format!("missing: {}", lines.join(", ")),
        hint: Some("`entra-bundle permissions --manifest` prints what to add".into()),
    }
}

fn licence(rows: &[&Row], known: &Known) -> Finding {
    let most = SignedDuration::from_hours(1);
    let shut = rows.iter().filter(|row| decide(row, known, (None, None), most).licence.is_some()).count();
    let held = match known.licence {
        None => {
            return Finding {
                what: "licence",
                verdict: Verdict::Warning,
                says: "not known: the subscriptions cannot be read".into(),
                hint: None,
            };
        }
        Some(Licence::Free) => "Entra ID Free",
        Some(Licence::P1) => "Entra ID P1",
        Some(Licence::P2 | Licence::Workload) => "Entra ID P2",
    };
    Finding {
        what: "licence",
        verdict: if shut > 0 { Verdict::Warning } else { Verdict::Good },
        says: format!("{held}; {shut} datasets need more"),
        hint: (shut > 0).then(|| "`entra-bundle plan` names the other way to each".into()),
    }
}

fn retention(rows: &[&Row], licence: Option<Licence>) -> Finding {
    let days = rows.iter().filter_map(|row| plan::kept_days(row, licence)).min();
    match days {
        Some(days) => good("retention", format!("the logs reach back {days} days at least")),
        None => Finding {
            what: "retention",
            verdict: Verdict::Warning,
            says: "not known without the licence".into(),
            hint: None,
        },
    }
}

fn good(what: &'static str, says: String) -> Finding {
    Finding { what, verdict: Verdict::Good, says, hint: None }
}

fn bad(what: &'static str, error: &Error) -> Finding {
    Finding { what, verdict: Verdict::Bad, says: error.message(), hint: error.advice().map(str::to_owned) }
}
