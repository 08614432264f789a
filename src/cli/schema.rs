//! `vestibule schema`: the configuration's JSON Schema, or its reference as Markdown.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::config;

/// Prints the schema, or the reference that is made from it.
///
/// # Errors
/// Where nothing can be written to `out`.
pub fn run(markdown: bool, out: &mut dyn Write) -> io::Result<ExitCode> {
    if markdown {
        out.write_all(config::reference::markdown().as_bytes())?;
    } else {
        serde_json::to_writer_pretty(&mut *out, config::schema())?;
        writeln!(out)?;
    }
    Ok(ExitCode::SUCCESS)
}
