//! `vestibule man` and `vestibule completions`: what a package installs beside the program.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use thiserror::Error;

/// Why a page could not be written.
#[derive(Debug, Error)]
#[error("{}: {cause}", folder.display())]
pub struct ManualError {
    folder: PathBuf,
    cause: io::Error,
}

/// Writes a page of the manual for each command, `vestibule-check.1` and so on, into `folder`, which is
/// made where it is missing.
///
/// # Errors
/// Where the folder cannot be made or a page not be written.
pub fn write_pages(command: Command, folder: &Path) -> Result<(), ManualError> {
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .map_err(|cause| ManualError {
            folder: folder.to_owned(),
            cause,
        })
}

/// Prints what completes the commands in a shell.
///
/// # Errors
/// Where nothing can be written to `out`.
pub fn complete(mut command: Command, shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // The generators panic where a reader has gone away; a buffer takes everything.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    out.write_all(&text)
}
