//! What an explanation says of spans, verdicts, headers and events, in the words of the documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::line::{Line, line};
use crate::domain::access::Verdict;
use crate::domain::headers::{CONTEXT, SEGMENT, SESSION_TOKEN};
use crate::domain::session::Field;
use crate::domain::transform::Note;
use crate::flow::{Event, Lookup};
use crate::telemetry::label;

/// Units and how many milliseconds they are.
const UNITS: [(&str, u64); 4] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
];

/// `25 min`, `1 h 12 min`: the two greatest units; below a second in milliseconds.
pub(super) fn span(millis: u64) -> String {
    let mut left = millis;
    let mut parts: Vec<String> = Vec::new();
    for (unit, size) in UNITS {
        let whole = left / size;
        left -= whole * size;
        if whole > 0 {
            parts.push(format!("{whole} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        return format!("{millis} ms");
    }
    parts.join(" ")
}

/// A moment by how far away it is.
pub(super) fn away(millis: i64) -> String {
    match millis {
        0 => "just now".to_owned(),
        1.. => format!("in {}", span(millis.unsigned_abs())),
        _ => format!("{} ago", span(millis.unsigned_abs())),
    }
}

pub(super) fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

pub(super) fn said_of(lookup: Lookup) -> String {
    match lookup {
        Lookup::NotLooked => "no session is looked up here".to_owned(),
        Lookup::NoToken => "no token: a new session".to_owned(),
        Lookup::Rejected(reason) => format!("the token is not accepted ({reason}): a new session"),
        Lookup::Gone => "the token is ours, the session is gone: a new session".to_owned(),
        Lookup::Recognised { .. } => "recognised by the cookie's hash".to_owned(),
        Lookup::Verified { primary: true, .. } => "found, signature checked".to_owned(),
        Lookup::Verified { primary: false, .. } => {
            "found, signature checked, under a key that no longer signs".to_owned()
        }
        Lookup::Moved => "the id was replaced a moment ago".to_owned(),
        Lookup::Ended(reason) => format!("the session has ended ({reason})"),
        Lookup::Ambiguous => "two live sessions were presented: none counts".to_owned(),
        Lookup::Unreadable => "the store cannot be asked".to_owned(),
    }
}

/// What becomes of the request.
pub(super) fn verdict(verdict: &Verdict) -> Line {
    let (said, raw) = match verdict {
        Verdict::Forward => ("it goes on to the store".to_owned(), "forward".to_owned()),
        Verdict::Login { location } => (
            "the shopper is sent to the login".to_owned(),
            format!("303 to {location}"),
        ),
        Verdict::Unauthorized => (
            "it is refused: nobody is logged in".to_owned(),
            "401".to_owned(),
        ),
        Verdict::DeniedChannel { status, .. } => (
            "the trade policy that it asks for is refused".to_owned(),
            status.to_string(),
        ),
        Verdict::Unavailable { .. } => (
            "it is refused: the session cannot be read".to_owned(),
            "503".to_owned(),
        ),
        Verdict::Failed { status, message } => {
            (format!("it is refused: {message}"), status.to_string())
        }
    };
    line("verdict", said).raw(raw)
}

/// A header for the store: a segment is read, and a token is not shown.
pub(super) fn header(name: &HeaderName, value: &HeaderValue) -> Line {
    let text = String::from_utf8_lossy(value.as_bytes());
    let line = |said: String| line(name.as_str(), said);
    if [SESSION_TOKEN, CONTEXT].contains(name) {
        return line(format!("(a signed token, {} bytes)", text.len()));
    }
    if *name != SEGMENT {
        return line(text.into_owned());
    }
    match segment(&text) {
        Some(said) => line(said).raw(text),
        None => line(text.into_owned()),
    }
}

/// What a segment sets.
fn segment(token: &str) -> Option<String> {
    let json = STANDARD.decode(token).ok()?;
    let Value::Object(members) = serde_json::from_slice(&json).ok()? else {
        return None;
    };
    let set = members.iter().filter(|(_, value)| !value.is_null());
    let set = set.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    let set: Vec<String> = set.collect();
    Some(format!("the segment: {}", or_nothing(&set.join(", "))))
}

/// A `Set-Cookie` line without its value.
pub(super) fn masked(cookie: &HeaderValue) -> Line {
    let text = String::from_utf8_lossy(cookie.as_bytes());
    let (pair, attributes) = text.split_once("; ").unwrap_or((&text, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    line(
        format!("set-cookie {name}"),
        format!("({} bytes); {attributes}", value.len()),
    )
}

/// An answer's body as it may be shown: tokens are not.
pub(super) fn without_tokens(body: &str) -> String {
    if body.contains("\"sessionToken\"") {
        return "(the two tokens)".to_owned();
    }
    or_nothing(body).to_owned()
}

/// Something that would happen, with its word in the log.
pub(super) fn event(event: &Event) -> Line {
    line("event", happens(event)).raw(label(event))
}

fn happens(event: &Event) -> String {
    let said = match event {
        Event::Ended(_, reason) => return format!("a session ends ({})", reason.label()),
        Event::AppFailed(app, cause) => {
            let cause = match *cause {
                "timeout" => "no answer in time",
                "unavailable" => "it cannot be reached",
                "bad_reply" => "its reply makes no sense",
                "broken" => "it broke while being called",
                other => other,
            };
            return format!("the app {app} fails: {cause}");
        }
        Event::UndeclaredWrites(app, count) => {
            return format!(
                "the app {app} writes what it has not declared, {count} times: dropped"
            );
        }
        Event::Overwritten(count) => {
            return format!("two apps write one key in one round, {count} times: the later counts");
        }
        Event::Looped(record) => {
            let fields: Vec<&str> = record.fields.iter().map(Field::as_str).collect();
            return format!("the cycle would not settle over {}", fields.join(", "));
        }
        Event::TokenRejected(reason) => {
            return format!("a session token that came is not accepted ({reason})");
        }
        Event::Noted(Note::TokenRefused(reason)) => {
            return format!("a login token is not accepted ({reason})");
        }
        Event::Noted(Note::ImpersonationRefused(reason)) => {
            return format!("staff may not act as that customer ({reason})");
        }
        Event::EndedLoginPresented(reason) => {
            let reason = reason.label();
            return format!("a login that had ended comes again ({reason}): its cookie is deleted");
        }
        Event::Refused(status) => return format!("a trade policy is refused with {status}"),
        Event::PairsDropped(count) => return format!("{count} malformed cookies are dropped"),
        Event::SegmentCut(count) => {
            return format!("the segment cookie is cut to fit a browser, {count} members less");
        }
        other => plain(other),
    };
    said.to_owned()
}

/// Those of which there is no more to say.
const fn plain(event: &Event) -> &'static str {
    match event {
        Event::Created(_) => "a session is stored for a new visitor",
        Event::CreationLimited => "too many new sessions of one client: none is stored",
        Event::Reissued => "the session cookie is due and goes out again",
        Event::Login(..) => "somebody logs in",
        Event::Logout(_) => "somebody is logged out, or their token holds no more",
        Event::Rotated(_) => "the session gets another id",
        Event::Replaced { .. } => {
            "the session goes on under another id; the old one has lost all authority"
        }
        Event::ImpersonationStarted(..) => "staff begin to act as a customer",
        Event::ImpersonationStopped(..) => "staff act as a customer no more",
        Event::ConsentWithdrawn(_) => "consent is taken back, and the session is gone",
        Event::Noted(_) => "staff may act as that customer",
        Event::LimitReached => "the session would grow past its limits: left as it is",
        Event::ClockStep => "a cookie says that it was issued in the future",
        Event::CookiesCut => "cookies are cut at the limit of their size",
        Event::Ambiguous => "two live sessions come at once: none counts",
        Event::StoreUnavailable => "the store of sessions cannot be asked",
        Event::Owed => "the store of sessions cannot be asked: it is told later",
        _ => "something that operators do",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::SessionId;

    #[test]
    fn spans_are_told_by_their_greatest_units() {
        for (millis, said) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_500_000, "25 min"),
            (2_592_000_000, "30 d"),
            (4_325_000, "1 h 12 min"),
            (86_405_000, "1 d"),
            (61_001, "1 min 1 s"),
        ] {
            assert_eq!(span(millis), said);
        }
        assert_eq!(
            [away(0), away(60_000), away(-1)],
            ["just now", "in 1 min", "1 ms ago"]
        );
    }

    #[test]
    fn a_segment_is_read_and_a_token_is_not_shown() {
        let token = STANDARD.encode(r#"{"campaigns":null,"channel":"2","facets":"a=b"}"#);
        let value = HeaderValue::from_str(&token).unwrap();
        let told = header(&SEGMENT, &value);
        assert_eq!(told.said, "the segment: channel 2, facets a=b");
        assert_eq!(told.raw, Some(token));
        let secret = HeaderValue::from_static("ey.ey.x");
        for name in [SESSION_TOKEN, CONTEXT] {
            let told = header(&name, &secret);
            assert_eq!(
                (told.said.as_str(), told.raw),
                ("(a signed token, 7 bytes)", None)
            );
        }
        let channel = HeaderName::from_static("x-session-channel");
        let told = header(&channel, &HeaderValue::from_static("2"));
        assert_eq!((told.said.as_str(), told.raw), ("2", None));
    }

    #[test]
    fn an_event_is_told_in_words_with_its_name_in_the_log() {
        let told = event(&Event::Logout(SessionId::from_random(1)));
        assert_eq!(
            told.said,
            "somebody is logged out, or their token holds no more"
        );
        assert_eq!(told.raw.as_deref(), Some("logout"));
        let told = event(&Event::AppFailed("perks".into(), "unavailable"));
        assert_eq!(told.said, "the app perks fails: it cannot be reached");
    }
}
