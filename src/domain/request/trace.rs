//! Naming a request: W3C trace context passed on, and a request id of bounded, plain text.

use http::HeaderMap;

/// Longest request id that is taken over from a client, in bytes.
const LONGEST_ID: usize = 64;

/// How a request is named towards the upstream, towards apps and in logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTrace {
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

    /// Takes over what the client sent where it is well formed, and makes the rest from random
    /// bits.
    pub fn read(headers: &HeaderMap, mut random: impl FnMut() -> u128) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let trace_id = text("traceparent").and_then(trace_id);
        let mut own = None;
        let mut bits = || *own.get_or_insert_with(&mut random);
        let request_id = match text("x-request-id").filter(|id| plain(id)) {
            Some(id) => id.to_owned(),
            None => format!("{:032x}", bits()),
        };
        // Our own span under the client's trace, or a trace of our own.
        let span = u64::try_from(bits() >> 64).unwrap_or(1).max(1);
        let (trace, flags) = match trace_id {
            Some((trace, flags)) => (trace.to_owned(), flags.to_owned()),
            None => (format!("{:032x}", bits().max(1)), "00".to_owned()),
        };
        Self {
            request_id,
            traceparent: format!("00-{trace}-{span:016x}-{flags}"),
        }
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
        fn whatever_comes_what_goes_on_is_well_formed(parent in "[ -~]{0,80}", id in "[ -~]{0,80}") {
            let trace = read(&[("traceparent", &parent), ("x-request-id", &id)]);
            prop_assert!(trace_id(&trace.traceparent).is_some());
            prop_assert!(plain(&trace.request_id));
        }
    }
}
