//! Session values as header values.

use bytes::Bytes;
use http::HeaderValue;

/// Longest value of one header, encoded, in bytes. A longer one is not sent: a backend would
/// refuse the whole request.
pub const MAX_VALUE_BYTES: usize = 4096;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes a text: bytes outside visible ASCII, and `%`, are percent-encoded (contract §9), so no
/// value can end a header or begin another. `None` where it would be too long.
pub fn encode_value(text: &str) -> Option<HeaderValue> {
    let mut encoded = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            encoded.push(byte);
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            encoded.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
        if encoded.len() > MAX_VALUE_BYTES {
            return None;
        }
    }
    HeaderValue::from_maybe_shared(Bytes::from(encoded)).ok()
}
