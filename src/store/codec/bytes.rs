//! Numbers and texts as bytes, and back; reading never runs past the end.

use std::time::Duration;

use super::{CodecError, FRAME};
use crate::domain::time::{Millis, span_millis};

/// A record being written; its frame is filled in last.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn framed() -> Self {
        Self(vec![0; FRAME])
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn head(&mut self, kind: u8, keep: Duration, at: Millis) {
        self.u8(kind);
        self.u64(span_millis(keep).unsigned_abs());
        self.millis(at);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u128(&mut self, number: u128) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn millis(&mut self, at: Millis) {
        self.raw(&at.as_millis().to_le_bytes());
    }

    /// How many things follow. No session holds so many that this could be too small.
    pub(super) fn count(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.raw(&count.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

const SHORT: CodecError = CodecError::Damaged("it ends too soon");

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Everything that was not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn end(&self) -> Result<(), CodecError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(CodecError::Damaged("something follows its end"))
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        self.take().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Result<u128, CodecError> {
        self.take().map(u128::from_le_bytes)
    }

    pub(super) fn millis(&mut self) -> Result<Millis, CodecError> {
        self.take()
            .map(|bytes| Millis::from_millis(i64::from_le_bytes(bytes)))
    }

    /// How many things follow, of which each takes at least `each` bytes.
    pub(super) fn count(&mut self, each: usize) -> Result<usize, CodecError> {
        let count = usize::try_from(self.u32()?).map_err(|_| SHORT)?;
        // Believed only as far as there are bytes: a damaged count must not ask for the memory.
        if count.saturating_mul(each) > self.0.len() {
            return Err(SHORT);
        }
        Ok(count)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.count(1)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        let text = std::str::from_utf8(self.bytes()?);
        text.map_err(|_| CodecError::Damaged("a text is none"))
    }
}
