//! Compact JWS, read strictly (RFC 7515, RFC 8725): the one way in for session and VtexId tokens.
//!
//! Only the library's signatures are used: its `decode` reads a clock of its own, takes `crit`
//! as it comes and knows no `typ`.

pub mod key;
pub mod members;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use key::PublicKey;
pub use members::Members;

/// Header members that change how the rest is read, or demand that we understand more.
const REFUSED_MEMBERS: [&str; 2] = ["crit", "b64"];

/// Why a text is no token that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwsError {
    /// Longer than the bound of its kind.
    #[error("the token is too long")]
    TooLong,
    /// Not three base64url parts of JSON objects with unique members of the right types.
    #[error("the token is malformed")]
    Malformed,
    /// The header names extensions (`crit`, `b64`), of which we understand none
    /// (RFC 7515 §4.1.11).
    #[error("the token demands an extension")]
    Critical,
}

/// What the header says. Keys that it offers itself (`jwk`, `jku`, `x5u`, `x5c`) are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `alg`, as written.
    pub algorithm: String,
    /// `kid`, as written.
    pub kid: Option<String>,
    /// `typ`, as written.
    pub typ: Option<String>,
}

/// A token in its three parts; nothing in it is true before [`Compact::is_signed_by`] says so.
pub struct Compact<'a> {
    header: Header,
    message: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Splits a token of at most `max_bytes` and reads its header.
    pub fn read(token: &'a str, max_bytes: usize) -> Result<Self, JwsError> {
        if token.len() > max_bytes {
            return Err(JwsError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwsError::Malformed)?;
        // A fourth or fifth part leaves a dot in the payload, which is no base64url.
        let header = read_header(&Members::read(&decode(header)?)?)?;
        let signature = decode(signature)?;
        decode(payload)?;
        Ok(Self {
            header,
            message,
            payload,
            signature,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether this key made the signature, with the key's own algorithm.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(self.message.as_bytes(), &self.signature)
    }

    /// The payload's members.
    pub fn claims(&self) -> Result<Members, JwsError> {
        Members::read(&decode(self.payload)?)
    }
}

/// Shape only: header, claims and signature are a shopper's.
impl std::fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compact").finish_non_exhaustive()
    }
}

/// The signing input of a token: header and payload, encoded and joined.
pub fn signing_input(header: &str, payload: &str) -> String {
    let mut input = URL_SAFE_NO_PAD.encode(header);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut input);
    input
}

fn read_header(members: &Members) -> Result<Header, JwsError> {
    if REFUSED_MEMBERS
        .iter()
        .any(|name| members.get(name).is_some())
    {
        return Err(JwsError::Critical);
    }
    Ok(Header {
        algorithm: members.text("alg")?.ok_or(JwsError::Malformed)?.to_owned(),
        kid: members.text("kid")?.map(str::to_owned),
        typ: members.text("typ")?.map(str::to_owned),
    })
}

fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwsError::Malformed)
}

#[cfg(test)]
mod tests;
