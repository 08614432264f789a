//! `vestibule check`: says everything that is wrong with a configuration, and changes nothing.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::config::{self, Effective, FileChecks, Layers, Loaded, Report};

/// What to check, and how to tell.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The configuration's file.
    pub file: &'a Path,
    /// The environment whose overlay is laid over it.
    pub environment: Option<&'a str>,
    /// Whether to tell it to a machine.
    pub json: bool,
    /// Whether to print the effective configuration too, secrets hidden.
    pub show: bool,
}

/// Checks; 0 where the configuration can be used, 1 where not.
///
/// # Errors
/// Where nothing can be written to `out`.
pub fn run(
    check: Check<'_>,
    variables: impl IntoIterator<Item = (String, String)>,
    files: &dyn FileChecks,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let layers = Layers::read(check.file, check.environment, variables);
    let loaded = config::load(&layers, files);
    if check.json {
        return tell_machine(check, &loaded, out);
    }
    match loaded {
        Ok(Loaded {
            warnings,
            effective,
            ..
        }) => {
            if warnings.findings().is_empty() {
                writeln!(out, "{}: no errors, no warnings", check.file.display())?;
            } else {
                write!(out, "{warnings}")?;
            }
            if check.show {
                write!(out, "\n{effective}")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(report) => {
            write!(out, "{report}")?;
            Ok(ExitCode::from(1))
        }
    }
}

fn tell_machine(
    check: Check<'_>,
    loaded: &Result<Loaded, Report>,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let (report, effective, code) = match loaded {
        Ok(loaded) => (&loaded.warnings, Some(&loaded.effective), ExitCode::SUCCESS),
        Err(report) => (report, None, ExitCode::from(1)),
    };
    let effective = effective.filter(|_| check.show).map(Effective::to_json);
    let told = json!({ "report": report.to_json(), "effective": effective });
    serde_json::to_writer_pretty(&mut *out, &told)?;
    writeln!(out)?;
    Ok(code)
}
