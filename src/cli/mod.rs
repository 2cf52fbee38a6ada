//! The command line: arguments, terminal, clock and environment. Nothing below reads any of them.
//!
//! One file per command. Each returns the exit code of a run that did what it should; failures are
//! [`Error`]s, whose kind decides the code.

mod approval;
mod args;
mod collect;
mod countersign;
mod datasets;
mod decrypt;
mod demo;
mod doctor;
mod export;
mod interrupt;
mod key;
mod limits;
mod lookup;
mod network;
mod on_premises;
mod opening;
mod passphrase;
mod permissions;
mod places;
mod plan;
mod policy;
mod preview;
mod prove;
mod reading;
mod receipt;
mod recipients;
mod records;
mod scan;
mod share;
mod tenant;
mod trust;
mod ui;
mod verify;
mod when;
mod workspaces;

use crate::error::{self, Error, Result};
use args::{Cli, Command};
use clap::{CommandFactory as _, Parser as _};
use std::process::ExitCode;
use ui::Ui;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // A panic's message may quote data, so only its place is printed.
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        eprintln!(
            "error: internal error at {place}\nhint:  this is a bug; nothing was written under the final name"
        );
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => return usage(&refused),
    };
    let ui = Ui::new(cli.json, cli.quiet, cli.no_progress);
    if matches!(
        cli.command,
        Command::Collect(_) | Command::Demo(_) | Command::Gather(_) | Command::Seal(_) | Command::Share(_)
    ) {
        interrupt::install();
    }
    match std::panic::catch_unwind(|| run(ui, &cli.command)) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => {
            ui.failure(&error);
            ExitCode::from(error.code())
        }
        Err(_) => ExitCode::from(error::Kind::Internal.code()),
    }
}

fn run(ui: Ui, command: &Command) -> Result<u8> {
    match command {
        Command::Collect(args) => collect::run(ui, args),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "entra-bundle", &mut out);
            ui::print(&String::from_utf8_lossy(&out))?;
            Ok(0)
        }
        Command::Countersign(args) => countersign::run(ui, args),
        Command::Datasets(args) => datasets::run(ui, args),
        Command::Decrypt(args) => decrypt::run(ui, args),
        Command::Demo(args) => demo::run(ui, args),
        Command::Export(args) => export::run(ui, args),
        Command::Doctor(args) => doctor::run(ui, args),
        Command::Gather(args) => collect::gather(ui, args),
        Command::Info(args) => verify::info(ui, args),
        Command::Key { action } => key::run(ui, action),
        Command::Lookup(args) => lookup::run(ui, args),
        Command::Permissions(args) => permissions::run(ui, args),
        Command::Plan(args) => plan::run(ui, args),
        Command::Profiles => permissions::profiles(ui),
        Command::Policy { action } => policy::run(ui, action),
        Command::Prove(args) => prove::run(ui, args),
        Command::Preview(args) => preview::run(ui, args),
        Command::Records(args) => records::run(ui, args),
        Command::Reveal(args) => lookup::reveal(ui, args),
        Command::Scan(args) => scan::run(ui, args),
        Command::Seal(args) => collect::seal(ui, args),
        Command::Trust { action } => trust::run(ui, action),
        Command::Share(args) => share::run(ui, args),
        Command::Unpack(args) => verify::unpack(ui, args),
        Command::Verify(args) => verify::run(ui, args),
        Command::Workspace { action } => workspaces::run(ui, action),
    }
}

/// What clap says: help and version are results, everything else is a usage error.
fn usage(refused: &clap::Error) -> ExitCode {
    if !refused.use_stderr() {
        return match ui::print(&refused.to_string()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(error::Kind::Io.code()),
        };
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        // The first line of clap's text names the argument, never a value from the data.
        let text = refused.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let command = Error::usage(line).hint("entra-bundle --help");
        Ui::new(true, false, true).failure(&command);
    } else {
        eprint!("{refused}");
    }
    ExitCode::from(error::Kind::Usage.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_command() {
        let help = Cli::command().render_help().to_string();
        for command in Cli::command().get_subcommands() {
            assert!(help.contains(&format!("\n  {} ", command.get_name())), "{}", command.get_name());
        }
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        let codes = help.split("Exit codes:").nth(1).unwrap();
        for kind in error::Kind::ALL {
            assert!(
                codes.contains(&format!(" {} ", kind.code()))
                    || codes.contains(&format!("\n{} ", kind.code())),
                "{kind:?}"
            );
        }
    }
}
