//! Cookie pairs as they lie in a header line: split and trimmed, never decoded.

use memchr::{memchr, memchr2};

/// What stands between two semicolons of a Cookie line. Blanks around its parts are taken off when
/// a part is asked for: of most pieces, only the name is.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    raw: &'a [u8],
    /// What is before and after the first `=`.
    halves: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Piece<'a> {
    /// All of it, without spaces and tabs around it.
    pub(super) fn bytes(self) -> &'a [u8] {
        trim(self.raw)
    }

    /// The name. None: there is no `=`, or nothing before it.
    pub(super) fn name(self) -> Option<&'a [u8]> {
        let (name, _) = self.halves?;
        Some(trim(name)).filter(|name| !name.is_empty())
    }

    /// The value; empty where there is no `=`.
    pub(super) fn value(self) -> &'a [u8] {
        self.halves.map_or(&[], |(_, value)| trim(value))
    }

    fn read(raw: &'a [u8], equals: Option<usize>) -> Self {
        let halves = equals.and_then(|at| Some((raw.get(..at)?, raw.get(at + 1..)?)));
        Self { raw, halves }
    }

    fn is_empty(self) -> bool {
        self.halves.is_none() && self.bytes().is_empty()
    }
}

/// The pieces of one Cookie line; empty ones are left out.
pub(super) fn pieces(line: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    Pieces { rest: Some(line) }.filter(|piece| !piece.is_empty())
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

/// The name of a text that stands alone, as that of a piece.
pub(super) fn name_in(bytes: &[u8]) -> Option<&[u8]> {
    Piece::read(bytes, memchr(b'=', bytes)).name()
}

fn find_from(bytes: &[u8], from: usize, byte: u8) -> Option<usize> {
    Some(from + memchr(byte, bytes.get(from..)?)?)
}

/// Spaces and tabs alone: other whitespace is part of a name (RFC 6265, section 5.2).
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
