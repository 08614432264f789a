//! `vestibule store`: looks after a store of sessions on disk that no process has.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::config::values::StoreKind;
use crate::config::{self, Layers, Unseen};
use crate::ports::Clock;
use crate::store::embedded::{Amount, Checked, Findings, OpenError, check};

/// A store of sessions on disk.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What can be done with a store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read every record of a store that no process has, and say what is in it and what is damaged. Nothing is
    /// changed
    Check(CheckArgs),
}

/// `store check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The store's folder
    #[arg(long, value_name = "FOLDER", required_unless_present = "config")]
    pub path: Option<PathBuf>,
    /// The configuration that names it
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    pub config: Option<PathBuf>,
    /// The environment whose overlay is laid over it, `FILE` stem + `.NAME.toml`
    #[arg(long, requires = "config")]
    pub env: Option<String>,
    /// Where a copy is made while it is looked at: on the same disk it takes little room. Beside the
    /// store if not given
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Tell it to a machine
    #[arg(long)]
    pub json: bool,
}

/// Why a store was not looked at.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// Its store is none of files.
    #[error("sessions are not on this disk: `store.kind` is \"{0}\"")]
    Elsewhere(&'static str),
    /// Another process has it open, or it cannot be read.
    #[error("{error}{}", hint(error))]
    Open {
        /// Why.
        #[from]
        error: OpenError,
    },
    /// What was found could not be passed on.
    #[error("{0}")]
    Out(#[from] io::Error),
}

const fn hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::Locked { .. } => ". Stop it first, or check a copy of the folder",
        _ => "",
    }
}

/// Looks; 0 where this program can use all of it, 1 where not.
///
/// # Errors
/// Where the store could not be looked at.
pub fn run(
    args: &StoreArgs,
    variables: impl IntoIterator<Item = (String, String)>,
    out: &mut dyn Write,
    clock: &dyn Clock,
) -> Result<ExitCode, StoreError> {
    let StoreCommand::Check(args) = &args.command;
    let folder = match (&args.path, &args.config) {
        (Some(path), _) => path.clone(),
        (None, Some(file)) => configured(file, args.env.as_deref(), variables)?,
        (None, None) => {
            return Err(StoreError::Config(
                "neither a folder nor a configuration is given".to_owned(),
            ));
        }
    };
    let mut progress = Progress::begin();
    let checked = check(&folder, args.scratch.as_deref(), clock.now(), &mut |read| {
        progress.tell(read);
    });
    progress.end();
    let checked = checked?;
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &as_json(&folder, &checked))
            .map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(
            out,
            "{}",
            Told {
                folder: &folder,
                checked: &checked
            }
        )?;
    }
    Ok(if checked.findings.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn configured(
    file: &Path,
    environment: Option<&str>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<PathBuf, StoreError> {
    // Keys and directories need not be here: the store's folder alone is looked at.
    let loaded = config::load(&Layers::read(file, environment, variables), &Unseen);
    let loaded = loaded.map_err(|report| StoreError::Config(report.to_string()))?;
    match &loaded.config.store.kind {
        StoreKind::Embedded { path } => Ok(path.clone()),
        StoreKind::Memory => Err(StoreError::Elsewhere("memory")),
        StoreKind::Valkey(_) => Err(StoreError::Elsewhere("valkey")),
    }
}

/// How far it is, for whoever watches: a terminal alone.
struct Progress {
    shown: bool,
    told: u64,
}

impl Progress {
    /// Records between two lines.
    const STEP: u64 = 10_000;

    fn begin() -> Self {
        Self {
            shown: io::stderr().is_terminal(),
            told: 0,
        }
    }

    fn tell(&mut self, read: u64) {
        if self.shown && read >= self.told + Self::STEP {
            self.told = read;
            drop(write!(io::stderr(), "\r{} records", grouped(read)));
        }
    }

    fn end(&self) {
        if self.told > 0 {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

/// The kinds of records that are as they should be, with their names for people and machines.
fn kinds(findings: &Findings) -> [(&'static str, &'static str, Amount); 13] {
    [
        ("anonymous sessions", "anonymous", findings.anonymous),
        ("sessions of shoppers", "shoppers", findings.shoppers),
        ("sessions of staff", "staff", findings.staff),
        ("markers of replaced ids", "markers", findings.markers),
        ("ended sessions", "ended", findings.tombstones),
        ("outlived, to be removed", "outlived", findings.outlived),
        ("logins", "logins", findings.logins),
        ("ended logins", "endedLogins", findings.ended_logins),
        (
            "outlived logins",
            "outlivedLogins",
            findings.outlived_logins,
        ),
        ("entries of persons", "persons", findings.persons),
        ("later activity", "activity", findings.activity),
        ("left over, to be removed", "leftOver", findings.left_over),
        ("set aside before", "setAside", findings.set_aside),
    ]
}

/// What people read.
struct Told<'a> {
    folder: &'a Path,
    checked: &'a Checked,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { findings, on_disk } = self.checked;
        let live = grouped(findings.live());
        let folder = self.folder.display();
        writeln!(
            f,
            "{folder}: {live} live sessions, {} bytes on disk",
            grouped(*on_disk)
        )?;
        writeln!(f)?;
        writeln!(f, "{:<26}{:>14}{:>18}", "", "records", "bytes")?;
        for (name, _, Amount { records, bytes }) in kinds(findings) {
            writeln!(
                f,
                "{name:<26}{:>14}{:>18}",
                grouped(records),
                grouped(bytes)
            )?;
        }
        for problem in problems(findings) {
            writeln!(f, "\n{problem}")?;
        }
        if findings.is_good() {
            writeln!(f, "\nEvery record can be read.")?;
        }
        Ok(())
    }
}

/// What is wrong, and what to do about it.
fn problems(findings: &Findings) -> Vec<String> {
    let mut said = Vec::new();
    for (version, amount) in &findings.newer {
        said.push(format!(
            "newer: {} records of version {version}, which a later Vestibule wrote. They are left alone, and \
             such shoppers get default headers: run that version, or wait until they have outlived themselves.",
            grouped(amount.records)
        ));
    }
    for ((space, why), amount) in &findings.damaged {
        said.push(format!(
            "damaged: {} of {space}: {why}. `vestibule run` keeps what it cannot read in a place of its own and goes on; \
             such shoppers get a new session.",
            grouped(amount.records)
        ));
    }
    for (space, parts) in &findings.unreadable {
        said.push(format!(
            "unreadable: {parts} parts of {space}. Look at the disk; copy the folder before anything else, and lay a \
             backup in its place if there is one."
        ));
    }
    if findings.journals > 0 {
        said.push(format!(
            "unreadable: {} journals, with what was written last; the above is without them. `vestibule run` sets them aside \
             beside the folder and goes on. Copy the folder first.",
            findings.journals
        ));
    }
    said
}

fn as_json(folder: &Path, checked: &Checked) -> Value {
    let Checked { findings, on_disk } = checked;
    let amount = |Amount { records, bytes }: Amount| json!({"records": records, "bytes": bytes});
    let kinds = kinds(findings).map(|(_, name, of)| (name.to_owned(), amount(of)));
    let newer = findings
        .newer
        .iter()
        .map(|(version, of)| json!({"version": version, "records": of.records, "bytes": of.bytes}));
    let damaged = findings.damaged.iter().map(|((space, why), of)| {
        json!({"kind": space, "why": why, "records": of.records, "bytes": of.bytes})
    });
    let unreadable = findings.unreadable.iter();
    let unreadable = unreadable.map(|(space, parts)| json!({"kind": space, "parts": parts}));
    json!({
        "path": folder.display().to_string(),
        "good": findings.is_good(),
        "live": findings.live(),
        "onDisk": on_disk,
        "kinds": kinds.into_iter().collect::<Map<_, _>>(),
        "newer": newer.collect::<Vec<_>>(),
        "damaged": damaged.collect::<Vec<_>>(),
        "unreadable": unreadable.collect::<Vec<_>>(),
        "journals": findings.journals,
    })
}

/// A number as people read it: 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut said = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_groups_of_three() {
        let said = [0, 7, 999, 1000, 65_536, 1_234_567].map(grouped);
        assert_eq!(said, ["0", "7", "999", "1,000", "65,536", "1,234,567"]);
    }

    #[test]
    fn every_trouble_is_told_with_what_to_do() {
        let mut findings = Findings::default();
        assert!(problems(&findings).is_empty());
        findings.newer.insert(
            9,
            Amount {
                records: 1000,
                bytes: 1,
            },
        );
        findings.damaged.insert(
            ("logins", "no login"),
            Amount {
                records: 2,
                bytes: 1,
            },
        );
        findings.unreadable.insert("persons", 3);
        findings.journals = 4;
        let said = problems(&findings);
        let begins: Vec<_> = said
            .iter()
            .filter_map(|one| one.split_once('.'))
            .map(|(first, _)| first)
            .collect();
        assert_eq!(
            begins,
            [
                "newer: 1,000 records of version 9, which a later Vestibule wrote",
                "damaged: 2 of logins: no login",
                "unreadable: 3 parts of persons",
                "unreadable: 4 journals, with what was written last; the above is without them",
            ]
        );
    }
}
