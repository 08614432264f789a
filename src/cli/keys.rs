//! `vestibule keys`: the key ring that signs session cookies, and keys for local logins.
//!
//! What it prints never holds a secret.

mod list;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use thiserror::Error;

use super::moment::read_span;
use super::secret_file::{Draft, FileError, create_public, create_secret, read_text};
use crate::domain::token::{Key, KeyRing, KeyRingError, KeyUse, TokenAlgorithm};
use crate::domain::vtexid::{LoginKey, LoginKeyError, draw_login_key};
use crate::ports::{Clock, Entropy};

/// Keys that sign session cookies, and keys for local logins.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a new key file.
    New(NewArgs),
    /// Add a key to a ring; it verifies at once and signs after a while.
    Rotate(RotateArgs),
    /// Show the keys of a ring, without their secrets.
    List(ListArgs),
}

/// `keys new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Where to write it (mode 0600); a file that is there is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How session cookies are signed.
    #[arg(long, value_name = "ALG", value_enum, default_value = "hs256")]
    pub alg: Algorithm,
    /// Make a private key that mints VtexId tokens instead (ES256), and print its public key set.
    #[arg(long, conflicts_with = "alg")]
    pub vtexid: bool,
    /// Where to write the public key set, instead of printing it.
    #[arg(long, value_name = "FILE", requires = "vtexid")]
    pub jwks: Option<PathBuf>,
    /// Tell it to a machine.
    #[arg(long)]
    pub json: bool,
}

/// `keys rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// The key ring.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// How the new key signs; that of the newest key if not given.
    #[arg(long, value_name = "ALG", value_enum)]
    pub alg: Option<Algorithm>,
    /// Retire the keys that have not signed for this long; cookies under them count no more.
    #[arg(long, value_name = "SPAN", value_parser = read_span)]
    pub retire_older_than: Option<Duration>,
    /// How long a new key only verifies, as configured.
    #[arg(long, value_name = "SPAN", value_parser = read_span, default_value = "10m")]
    pub sign_after: Duration,
    /// Tell it to a machine.
    #[arg(long)]
    pub json: bool,
}

/// `keys list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The key ring.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// How long a new key only verifies, as configured.
    #[arg(long, value_name = "SPAN", value_parser = read_span, default_value = "10m")]
    pub sign_after: Duration,
}

/// Names of the signing algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    #[value(name = "eddsa")]
    EdDsa,
}

impl From<Algorithm> for TokenAlgorithm {
    fn from(name: Algorithm) -> Self {
        match name {
            Algorithm::Hs256 => Self::Hs256,
            Algorithm::Es256 => Self::Es256,
            Algorithm::EdDsa => Self::EdDsa,
        }
    }
}

/// Why a command on keys failed.
#[derive(Debug, Error)]
pub enum KeysError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key ring is wrong.
    #[error("{}: {cause}", path.display())]
    Ring {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        cause: KeyRingError,
    },
    /// A login key is wrong.
    #[error(transparent)]
    Login(#[from] LoginKeyError),
    /// The output could not be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
}

/// Does what `vestibule keys …` says.
pub fn run_keys(
    args: &KeysArgs,
    out: &mut dyn Write,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), KeysError> {
    let mut draw = || entropy.bits();
    let text = match &args.command {
        KeysCommand::New(args) if args.vtexid => new_login_key(args, &mut draw)?,
        KeysCommand::New(args) => new_ring(args, clock, &mut draw)?,
        KeysCommand::Rotate(args) => rotate(args, clock, &mut draw)?,
        KeysCommand::List(args) => {
            let ring = read_ring(&args.file)?.with_sign_after(args.sign_after);
            if args.json {
                list::as_json(&ring, clock.now())
            } else {
                list::as_table(&ring, clock.now())
            }
        }
    };
    out.write_all(text.as_bytes()).map_err(KeysError::Output)
}

/// Reads a key ring from its file.
pub fn read_ring(path: &std::path::Path) -> Result<KeyRing, KeysError> {
    KeyRing::parse(&read_text(path)?).map_err(|cause| KeysError::Ring {
        path: path.to_owned(),
        cause,
    })
}

fn new_ring(
    args: &NewArgs,
    clock: &dyn Clock,
    draw: &mut dyn FnMut() -> u128,
) -> Result<String, KeysError> {
    let now = clock.now();
    let ring = KeyRing::generate(args.alg.into(), now, draw);
    create_secret(&args.out, &ring.to_json())?;
    if args.json {
        let added = list::newest_as_json(&ring, now);
        return Ok(told(&json!({ "file": args.out, "added": added })));
    }
    let key = ring.signing_key(now);
    let (kid, algorithm) = (key.kid(), key.algorithm().name());
    Ok(format!(
        "Wrote {}: key {kid} ({algorithm}).\n",
        args.out.display()
    ))
}

fn new_login_key(args: &NewArgs, draw: &mut dyn FnMut() -> u128) -> Result<String, KeysError> {
    let private = draw_login_key(draw);
    let public = LoginKey::parse(&private)?.public_jwks();
    // The public half first: a private key whose public half was lost helps nobody.
    if let Some(jwks) = &args.jwks {
        create_public(jwks, &public)?;
    }
    create_secret(&args.out, &private)?;
    if args.json {
        let set: Value = serde_json::from_str(&public).unwrap_or_default();
        let said = json!({ "file": args.out, "jwks_file": args.jwks, "jwks": set });
        return Ok(told(&said));
    }
    let Some(jwks) = &args.jwks else {
        return Ok(public);
    };
    let (jwks, out) = (jwks.display(), args.out.display());
    Ok(format!("Wrote {out} (private) and {jwks} (public).\n"))
}

fn rotate(
    args: &RotateArgs,
    clock: &dyn Clock,
    draw: &mut dyn FnMut() -> u128,
) -> Result<String, KeysError> {
    // Held from before the reading, so that two rotations cannot lose a key.
    let draft = Draft::of_existing(&args.file)?;
    let mut ring = read_ring(&args.file)?.with_sign_after(args.sign_after);
    let now = clock.now();
    let newest = ring.keys().last().map(Key::algorithm);
    let algorithm = args.alg.map(TokenAlgorithm::from).or(newest);
    let kid = ring.add_key(algorithm.unwrap_or_default(), now, draw);
    let retired = match args.retire_older_than {
        Some(span) => ring.retire_unused(span, now),
        None => Vec::new(),
    };
    draft.replace(&ring.to_json())?;
    if args.json {
        let added = list::newest_as_json(&ring, now);
        let said = json!({ "file": args.file, "added": added, "retired": retired });
        return Ok(told(&said));
    }
    let algorithm = algorithm.unwrap_or_default().name();
    let turn = match ring.uses(now).last() {
        Some(KeyUse::Waits(from)) => format!("; it verifies now and signs from {}", from.written()),
        _ => String::new(),
    };
    let mut lines = vec![format!("Added key {kid} ({algorithm}){turn}.\n")];
    lines.extend(retired.iter().map(|kid| format!("Retired key {kid}.\n")));
    Ok(lines.concat())
}

/// For a machine.
fn told(said: &Value) -> String {
    format!("{said:#}\n")
}

#[cfg(test)]
mod tests;
