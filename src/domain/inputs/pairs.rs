//! Cookie pairs as they lie in a header line: split and trimmed, never decoded.

use memchr::{memchr, memchr2};

/// What stands between two semicolons of a Cookie line, without spaces and tabs around it.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    bytes: &'a [u8],
    pair: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Piece<'a> {
    /// All of it.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Name and value: the first `=` splits. None: there is no `=`, or no name before it.
    pub(super) fn pair(self) -> Option<(&'a [u8], &'a [u8])> {
        self.pair
    }

    fn read(bytes: &'a [u8], equals: Option<usize>) -> Self {
        let halves = equals.and_then(|at| Some((bytes.get(..at)?, bytes.get(at + 1..)?)));
        let pair = halves.map(|(name, value)| (trim(name), trim(value)));
        Self {
            bytes: trim(bytes),
            pair: pair.filter(|(name, _)| !name.is_empty()),
        }
    }
}

/// The pieces of one Cookie line; empty ones are left out.
pub(super) fn pieces(line: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    Pieces { rest: Some(line) }.filter(|piece| !piece.bytes.is_empty())
}

struct Pieces<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let line = self.rest?;
        // Both searches have the whole line before them, though the next few bytes will nearly
        // always do: memchr has no wide steps for a few bytes, and takes them in one such step.
        let first = memchr2(b'=', b';', line);
        let equals = first.filter(|at| line.get(*at) == Some(&b'='));
        let end = match equals {
            Some(at) => find_from(line, at + 1, b';'),
            None => first,
        };
        let piece = end.map_or(line, |end| line.get(..end).unwrap_or_default());
        self.rest = end.and_then(|end| line.get(end + 1..));
        Some(Piece::read(piece, equals))
    }
}

/// Name and value of a text that stands alone, as those of a piece.
pub(super) fn split_pair(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    Piece::read(bytes, memchr(b'=', bytes)).pair
}

fn find_from(bytes: &[u8], from: usize, byte: u8) -> Option<usize> {
    Some(from + memchr(byte, bytes.get(from..)?)?)
}

/// Spaces and tabs alone: other whitespace is part of a name (RFC 6265, section 5.2).
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
