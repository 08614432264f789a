//! Naming a request: W3C trace context passed on, and a request id of bounded, plain text.

use std::net::IpAddr;

use http::HeaderMap;

/// Length of a `traceparent` of version 00, in bytes.
const PARENT_BYTES: usize = 55;
/// Longest request id that is taken over from a client, in bytes.
const LONGEST_ID: usize = 64;

/// How a request is named towards the upstream, towards apps and in logs, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTrace {
    /// The shopper's address, where there is a shopper: what one of them has looked up is limited.
    pub client: Option<IpAddr>,
    /// `x-request-id`.
    pub request_id: String,
    /// `traceparent` (W3C Trace Context, level 1).
    pub traceparent: String,
}

impl RequestTrace {
    /// Names of our own, for what no request asked for.
    pub fn of_our_own(random: impl FnMut() -> u128) -> Self {
        Self::read(&HeaderMap::new(), random)
    }

    /// The same for a request of this client.
    #[must_use]
    pub fn by(self, client: IpAddr) -> Self {
        Self {
            client: Some(client),
            ..self
        }
    }

    /// Takes over what the client sent where it is well formed, and makes the rest from random
    /// bits.
    pub fn read(headers: &HeaderMap, mut random: impl FnMut() -> u128) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let trace_id = text("traceparent").and_then(trace_id);
        let mut own = None;
        let mut bits = || *own.get_or_insert_with(&mut random);
        let mut request_id = String::with_capacity(32);
        match text("x-request-id").filter(|id| plain(id)) {
            Some(id) => request_id.push_str(id),
            None => push_hex(&mut request_id, bits(), 32),
        }
        // Our own span under the client's trace, or a trace of our own.
        let span = u64::try_from(bits() >> 64).unwrap_or(1).max(1);
        let mut traceparent = String::with_capacity(PARENT_BYTES);
        traceparent.push_str("00-");
        match trace_id {
            Some((trace, _)) => traceparent.push_str(trace),
            None => push_hex(&mut traceparent, bits().max(1), 32),
        }
        traceparent.push('-');
        push_hex(&mut traceparent, span.into(), 16);
        traceparent.push('-');
        traceparent.push_str(trace_id.map_or("00", |(_, flags)| flags));
        Self {
            client: None,
            request_id,
            traceparent,
        }
    }
}

/// Writes the last `digits` hexadecimal digits of a number. Every request is named, and formatting
/// machinery would take as long as finding its session.
fn push_hex(text: &mut String, number: u128, digits: usize) {
    let mut buffer = [0; 32];
    for (pair, byte) in buffer
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(number.to_be_bytes())
    {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    let from = buffer.len().saturating_sub(digits);
    text.push_str(std::str::from_utf8(buffer.get(from..).unwrap_or_default()).unwrap_or_default());
}

const fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}

fn plain(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Trace id and flags of a well-formed `traceparent`; ids of zeros mean nothing.
fn trace_id(parent: &str) -> Option<(&str, &str)> {
    let mut parts = parent.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let real = |text: &str| text.bytes().any(|b| b != b'0');
    let known = version == "00" && parts.next().is_none();
    let valid = known && hex(trace, 32) && real(trace) && hex(span, 16) && real(span);
    (valid && hex(flags, 2)).then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(lines: &[(&'static str, &str)]) -> RequestTrace {
        let headers = lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        RequestTrace::read(&headers.collect(), || {
            0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10
        })
    }

    #[test]
    fn a_clients_trace_goes_on_under_a_span_of_ours() {
        let trace = read(&[("traceparent", PARENT), ("x-request-id", "abc-1")]);
        assert_eq!(trace.request_id, "abc-1");
        let expected = "00-0af7651916cd43dd8448eb211c80319c-0102030405060708-01";
        assert_eq!(trace.traceparent, expected);
    }

    #[test]
    fn malformed_names_are_replaced_by_our_own() {
        let own = read(&[]);
        for lines in [
            &[(
                "traceparent",
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            )][..],
            &[(
                "traceparent",
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )],
            &[("traceparent", "nonsense"), ("x-request-id", "a b")],
            &[("x-request-id", "")],
        ] {
            assert_eq!(read(lines), own, "{lines:?}");
        }
        let long = "a".repeat(65);
        assert_eq!(read(&[("x-request-id", &long)]), own);
    }

    proptest! {
        #[test]
        fn hexadecimal_digits_are_those_of_the_formatter(number in any::<u128>()) {
            let mut text = String::new();
            push_hex(&mut text, number, 32);
            prop_assert_eq!(text, format!("{number:032x}"));
        }

        #[test]
        fn whatever_comes_what_goes_on_is_well_formed(parent in "[ -~]{0,80}", id in "[ -~]{0,80}") {
            let trace = read(&[("traceparent", &parent), ("x-request-id", &id)]);
            prop_assert!(trace_id(&trace.traceparent).is_some());
            prop_assert!(plain(&trace.request_id));
        }
    }
}
