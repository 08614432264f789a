//! Cookie pairs as they lie in a header line: split and trimmed, never decoded.

use memchr::memchr;

/// The pieces of one Cookie line between semicolons, without spaces and tabs around them; empty
/// ones are left out.
pub(super) fn pieces(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    Pieces { rest: Some(line) }.filter(|piece| !piece.is_empty())
}

struct Pieces<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.rest?;
        let (piece, rest) = split_at_byte(line, b';').map_or((line, None), |(a, b)| (a, Some(b)));
        self.rest = rest;
        Some(trim(piece))
    }
}

/// Name and value of a piece: its first `=` splits. None: there is no `=`, or no name before it.
pub(super) fn split_pair(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = split_at_byte(piece, b'=')?;
    let name = trim(name);
    (!name.is_empty()).then(|| (name, trim(value)))
}

/// The parts before and after the first such byte.
pub(super) fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(byte, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Spaces and tabs alone: other whitespace is part of a name (RFC 6265, section 5.2).
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
