//! `vestibule token`: look into a session cookie, a segment or a VtexId token; mint a VtexId token.

mod decode;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use thiserror::Error;

use super::keys::{KeysError, read_ring};
use super::moment::read_span;
use super::secret_file::{FileError, read_text};
use crate::domain::vtexid::{
    Audience, KeyWarning, Login, LoginKey, LoginKeyError, MintError, VtexIdKeys, VtexIdKeysError,
    mint,
};
use crate::ports::{Clock, Entropy};
use decode::Trust;

/// Longest text that is looked into, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Session cookies, segments and VtexId tokens.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Say what a token is and what it holds; verify it where keys are given.
    Decode(DecodeArgs),
    /// Mint a VtexId token with a local key, for tests.
    Mint(MintArgs),
}

/// `token decode`.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// The token, or `-` to read it from the input.
    #[arg(allow_hyphen_values = true)]
    pub token: String,
    /// The key ring to verify a session cookie with.
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// A public key set to verify a VtexId token with; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub jwks: Vec<PathBuf>,
    /// The account to verify for; the one that the token names if not given.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Tell it to a machine.
    #[arg(long)]
    pub json: bool,
}

/// `token mint`.
#[derive(Debug, Args)]
pub struct MintArgs {
    /// The private key, JWK or PEM, as `keys new --vtexid` writes it.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The store's account name.
    #[arg(long, value_name = "NAME")]
    pub account: String,
    /// Whom the token is for.
    #[arg(long, value_name = "EMAIL")]
    pub email: String,
    /// That person's user id.
    #[arg(long, value_name = "ID")]
    pub user_id: String,
    /// A token for staff of the store, not for a shopper.
    #[arg(long)]
    pub admin: bool,
    /// How long the token holds.
    #[arg(long, value_name = "SPAN", value_parser = read_span, default_value = "24h")]
    pub expires: Duration,
    /// Tell it to a machine.
    #[arg(long)]
    pub json: bool,
}

/// Why a command on tokens failed. Never shows the token.
#[derive(Debug, Error)]
pub enum TokenCommandError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key ring could not be used.
    #[error(transparent)]
    Ring(#[from] KeysError),
    /// A key set could not be used.
    #[error("{}: {cause}", path.display())]
    KeySet {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: VtexIdKeysError,
    },
    /// The private key could not be used.
    #[error("{}: {cause}", path.display())]
    LoginKey {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: LoginKeyError,
    },
    /// No token can be made of what was given.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The input is too long, or no text.
    #[error("a token is a text of at most 64 KiB")]
    NotAText,
    /// The text is nothing that is known here.
    #[error("this is no token that is known here")]
    Unknown,
    /// Keys were given, and the token does not stand up to them.
    #[error("the token does not verify")]
    NotVerified,
    /// The input could not be read or the output not be written.
    #[error("cannot read or write: {0}")]
    Stream(io::Error),
}

/// Does what `vestibule token …` says. `input` is read for `token decode -` alone.
pub fn run_token(
    args: &TokenArgs,
    input: &mut dyn Read,
    out: &mut dyn Write,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), TokenCommandError> {
    let (text, outcome) = match &args.command {
        TokenCommand::Decode(args) => {
            let token = read_token(&args.token, input)?;
            let (trust, warnings) = read_trust(args)?;
            let now = clock.now();
            let (described, outcome) = decode::describe(token.trim(), &trust, now);
            let text = if args.json {
                described.json(&warnings)
            } else {
                described.text(&warnings, now)
            };
            (text, outcome)
        }
        TokenCommand::Mint(args) => (mint_token(args, clock, entropy)?, Ok(())),
    };
    out.write_all(text.as_bytes())
        .map_err(TokenCommandError::Stream)?;
    outcome
}

fn read_token(given: &str, input: &mut dyn Read) -> Result<String, TokenCommandError> {
    let mut bytes = Vec::new();
    if given == "-" {
        input
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(TokenCommandError::Stream)?;
    } else {
        bytes.extend_from_slice(given.as_bytes());
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(TokenCommandError::NotAText);
    }
    String::from_utf8(bytes).map_err(|_| TokenCommandError::NotAText)
}

/// The keys to verify with, and a warning for each key that is left out.
fn read_trust(args: &DecodeArgs) -> Result<(Trust, Vec<String>), TokenCommandError> {
    let ring = args.keys.as_deref().map(read_ring).transpose()?;
    let mut logins: Option<VtexIdKeys> = None;
    let mut warnings = Vec::new();
    for path in &args.jwks {
        let (mut keys, mut left_out) = read_key_set(path)?;
        if let Some(others) = logins.take() {
            let (joined, twins) = others.join(keys);
            keys = joined;
            left_out.extend(twins);
        }
        logins = Some(keys);
        let tell = |warning| format!("{}: {warning}", path.display());
        warnings.extend(left_out.iter().map(tell));
    }
    let account = args.account.clone();
    let trust = Trust {
        ring,
        logins,
        account,
    };
    Ok((trust, warnings))
}

fn read_key_set(path: &Path) -> Result<(VtexIdKeys, Vec<KeyWarning>), TokenCommandError> {
    VtexIdKeys::parse(&read_text(path)?).map_err(|cause| TokenCommandError::KeySet {
        path: path.to_owned(),
        cause,
    })
}

fn mint_token(
    args: &MintArgs,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<String, TokenCommandError> {
    let key =
        LoginKey::parse(&read_text(&args.key)?).map_err(|cause| TokenCommandError::LoginKey {
            path: args.key.clone(),
            cause,
        })?;
    let login = Login {
        audience: if args.admin {
            Audience::Admin
        } else {
            Audience::Webstore
        },
        account: &args.account,
        email: &args.email,
        user_id: &args.user_id,
        life: args.expires,
        random: entropy.bits(),
    };
    let token = mint(&key, &login, clock.now())?;
    if !args.json {
        return Ok(token + "\n");
    }
    // What it says of itself, read as anybody reads it.
    let (described, _) = decode::describe(&token, &Trust::default(), clock.now());
    Ok(described.minted(&token))
}

#[cfg(test)]
mod tests;
