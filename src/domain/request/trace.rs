//! Naming a request: W3C trace context passed on, and a request id of bounded, plain text.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

use super::watch::{SpanId, Watch, Watched};

/// What a request's id is told in. Made ahead, like the next: a name in text is parsed each time.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What says whose part of which trace a request is (W3C Trace Context, section 3.2).
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Length of a `traceparent` of version 00, in bytes.
const PARENT_BYTES: usize = 55;
/// Longest request id that is taken over from a client, in bytes.
const LONGEST_ID: usize = 64;
/// Longest `tracestate` that is passed on, in bytes: as much as everybody has to (W3C Trace Context,
/// section 3.3.1.5).
const LONGEST_STATE: usize = 512;

/// How a request is named towards the upstream, towards apps and in logs, and whose it is.
#[derive(Clone, Debug)]
pub struct RequestTrace {
    /// The shopper's address, where there is a shopper: what one of them has looked up is limited.
    pub client: Option<IpAddr>,
    /// `x-request-id`.
    pub request_id: String,
    /// `traceparent` (W3C Trace Context, level 1).
    pub traceparent: String,
    /// The client's `tracestate`, where its `traceparent` is well formed.
    pub tracestate: Option<String>,
    /// The client's own span.
    pub parent: Option<SpanId>,
    /// Who takes note of the request's parts, where it is sampled.
    pub watch: Option<Watch>,
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Of 2^63 requests that nobody before decided about, so many are.
    share: u64,
    /// Whether the word of whoever sent the request counts.
    pub believes: bool,
}

impl Sampling {
    /// A share from 0 to 1 of the requests; `believes`: where the sender did not say.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share is a number from 0 to 1, and a fraction of a request more is none"
    )]
    pub fn new(ratio: f64, believes: bool) -> Self {
        let share = (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
        Self { share, believes }
    }

    /// The same, where the sender's word counts or not.
    #[must_use]
    pub const fn believing(self, believes: bool) -> Self {
        Self { believes, ..self }
    }

    /// Whether chance takes a request, whatever anybody said.
    pub const fn takes(self, chance: u64) -> bool {
        chance >> 1 < self.share
    }

    /// `flags` are the sender's, `chance` is anything. A client that may not decide cannot choose
    /// its chance either: it is not in the trace's id.
    fn samples(self, flags: Option<u8>, chance: u64) -> bool {
        match flags.filter(|_| self.believes) {
            Some(flags) => flags & 1 == 1,
            None => self.takes(chance),
        }
    }
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
    /// bits. Whether it is sampled is the client's to say: nobody here asks.
    pub fn read(headers: &HeaderMap, random: impl FnMut() -> u128) -> Self {
        Self::named(headers, random, None)
    }

    /// The same, and decides whether the request is traced: the name says so to everybody after.
    pub fn read_sampled(
        headers: &HeaderMap,
        random: impl FnMut() -> u128,
        sampling: Sampling,
    ) -> Self {
        Self::named(headers, random, Some(sampling))
    }

    fn named(
        headers: &HeaderMap,
        mut random: impl FnMut() -> u128,
        sampling: Option<Sampling>,
    ) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let parent = text(&TRACEPARENT).and_then(Parent::read);
        let mut own = None;
        let mut bits = || *own.get_or_insert_with(&mut random);
        let mut request_id = String::with_capacity(32);
        match text(&REQUEST_ID).filter(|id| plain(id)) {
            Some(id) => request_id.push_str(id),
            None => push_hex(&mut request_id, bits(), 32),
        }
        // Our own span under the client's trace, or a trace of our own.
        let span = u64::try_from(bits() >> 64).unwrap_or(1).max(1);
        let mut traceparent = String::with_capacity(PARENT_BYTES);
        traceparent.push_str("00-");
        match &parent {
            Some(parent) => traceparent.push_str(parent.trace),
            None => push_hex(&mut traceparent, bits().max(1), 32),
        }
        traceparent.push('-');
        push_hex(&mut traceparent, span.into(), 16);
        traceparent.push('-');
        traceparent.push_str(match sampling {
            None => parent.as_ref().map_or("00", |parent| parent.flags),
            Some(sampling) => {
                let flags = parent.as_ref().map(Parent::bits);
                let chance = u64::try_from(bits() & u128::from(u64::MAX)).unwrap_or(0);
                if sampling.samples(flags, chance) {
                    "01"
                } else {
                    "00"
                }
            }
        });
        Self {
            client: None,
            request_id,
            traceparent,
            tracestate: parent.as_ref().and_then(|_| state(headers)),
            parent: parent.and_then(|parent| SpanId::new(hex(parent.span)?.try_into().ok()?)),
            watch: None,
        }
    }

    /// Whether everybody after is told that the request is traced.
    pub fn is_sampled(&self) -> bool {
        let flags = self.traceparent.get(PARENT_BYTES - 2..);
        flags.and_then(hex).is_some_and(|flags| flags & 1 == 1)
    }

    /// The trace's id, and the id of the request's own span in it.
    pub fn ids(&self) -> Option<(u128, SpanId)> {
        let (trace, span) = (self.traceparent.get(3..35)?, self.traceparent.get(36..52)?);
        let span = SpanId::new(hex(span)?.try_into().ok()?)?;
        Some((hex(trace)?, span))
    }

    /// The trace's id, as logs and other services write it.
    pub fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }

    /// What somebody is told who is called in a part of the request: that part is the caller.
    pub fn parent_in(&self, part: &Watched) -> String {
        let mut traceparent = String::with_capacity(PARENT_BYTES);
        traceparent.push_str(self.traceparent.get(..36).unwrap_or_default());
        push_hex(&mut traceparent, part.id().get().into(), 16);
        traceparent.push_str(self.traceparent.get(52..).unwrap_or_default());
        traceparent
    }

    /// The name towards whoever works in a part of the request.
    #[must_use]
    pub fn within(&self, part: &Watched) -> Self {
        Self {
            traceparent: self.parent_in(part),
            watch: Some(part.watch()),
            ..self.clone()
        }
    }
}

/// What a well-formed `traceparent` says.
struct Parent<'a> {
    trace: &'a str,
    span: &'a str,
    flags: &'a str,
}

impl<'a> Parent<'a> {
    /// Ids of zeros mean nothing.
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let real = |text: &str| text.bytes().any(|b| b != b'0');
        let known = version == "00" && parts.next().is_none();
        let valid = known && hex(trace, 32) && real(trace) && hex(span, 16) && real(span);
        (valid && hex(flags, 2)).then_some(Self { trace, span, flags })
    }

    fn bits(&self) -> u8 {
        u8::from_str_radix(self.flags, 16).unwrap_or(0)
    }
}

/// Whether the vendors' part of a trace context belongs to a context: without a well-formed
/// `traceparent` nobody may use it (W3C Trace Context, section 4.3).
pub fn state_stands(headers: &HeaderMap) -> bool {
    let parent = headers.get(&TRACEPARENT);
    let parent = parent.and_then(|value| value.to_str().ok());
    parent.and_then(Parent::read).is_some()
}

/// The lines of `tracestate` as one, where that is short and plain.
fn state(headers: &HeaderMap) -> Option<String> {
    let mut state = String::new();
    for line in headers.get_all("tracestate") {
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(line.to_str().ok()?);
    }
    (1..=LONGEST_STATE).contains(&state.len()).then_some(state)
}

fn hex(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(lines: &[(&'static str, &str)]) -> RequestTrace {
        let headers = lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        RequestTrace::read(&map, bits)
    }

    fn bits() -> u128 {
        0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10
    }

    fn names(trace: &RequestTrace) -> [&str; 2] {
        [&trace.request_id, &trace.traceparent]
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
            assert_eq!(names(&read(lines)), names(&own), "{lines:?}");
        }
        let long = "a".repeat(65);
        assert_eq!(names(&read(&[("x-request-id", &long)])), names(&own));
    }

    #[test]
    fn a_vendors_part_goes_with_a_context_alone() {
        let state = |lines| read(lines).tracestate;
        let both = [("traceparent", PARENT), ("tracestate", "a=1")];
        assert_eq!(state(&both), Some("a=1".to_owned()));
        assert_eq!(read(&both).parent, SpanId::new(0xb7ad_6b71_6920_3331));
        let twice = [
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ];
        assert_eq!(state(&twice), Some("a=1,b=2".to_owned()));
        let long = "a".repeat(513);
        for lines in [
            &[("tracestate", "a=1")][..],
            &[("traceparent", "nonsense"), ("tracestate", "a=1")],
            &[("traceparent", PARENT), ("tracestate", &long)],
            &[("traceparent", PARENT)],
        ] {
            assert_eq!(state(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn the_senders_word_counts_where_it_is_believed_and_chance_elsewhere() {
        let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        let cases: [(f64, bool, Option<&str>, bool); 8] = [
            (0.0, true, Some(PARENT), true),
            (1.0, true, Some(unsampled), false),
            (0.0, false, Some(PARENT), false),
            (1.0, false, Some(unsampled), true),
            (0.0, true, None, false),
            (1.0, true, None, true),
            // The lower bits of chance are 0x0910..., 3.5 % of all.
            (0.04, false, None, true),
            (0.03, false, None, false),
        ];
        for (ratio, believes, parent, sampled) in cases {
            let lines =
                parent.map(|parent| ("traceparent".parse().unwrap(), parent.parse().unwrap()));
            let sampling = Sampling::new(ratio, believes);
            let trace = RequestTrace::read_sampled(&lines.into_iter().collect(), bits, sampling);
            assert_eq!(trace.is_sampled(), sampled, "{ratio} {believes} {parent:?}");
        }
    }

    #[test]
    fn about_the_share_that_was_asked_for_is_sampled() {
        let sampling = Sampling::new(0.25, false);
        let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sampled = (0..10_000)
            .filter(|n| sampling.samples(None, spread(*n)))
            .count();
        assert!((2_400..2_600).contains(&sampled), "{sampled}");
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
            prop_assert!(Parent::read(&trace.traceparent).is_some());
            prop_assert!(trace.ids().is_some());
            prop_assert!(plain(&trace.request_id));
        }
    }
}
