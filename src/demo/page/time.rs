//! The session's remaining time, as far as a backend can tell: from the moment of this request
//! and the lifetime's numbers. The script counts on from there.

use std::time::{Duration, UNIX_EPOCH};

use super::Moment;
use crate::demo::html::{Html, fill};
use crate::demo::knowledge::Knowledge;
use crate::domain::time::{Millis, span_millis};

const TIME: &str = include_str!("time.html");
const TIMELESS: &str = include_str!("timeless.html");

pub(super) fn time(knowledge: Knowledge<'_>, moment: Moment<'_>) -> Html {
    let settings = moment.settings;
    let idle = span(settings.idle);
    let Some(session) = knowledge.session_id() else {
        return fill(TIMELESS, &[("idle", (&idle).into())]);
    };
    let millis = |length: Duration| span_millis(length).to_string();
    let due = settings
        .lifetime
        .saturating_sub(settings.refresh_before_end);
    let received = written(moment.received);
    fill(
        TIME,
        &[
            ("session", (&session).into()),
            (
                "received_ms",
                (&moment.received.as_millis().to_string()).into(),
            ),
            ("lifetime_ms", (&millis(settings.lifetime)).into()),
            ("window_ms", (&millis(settings.refresh_before_end)).into()),
            ("idle_ms", (&millis(settings.idle)).into()),
            ("lifetime", (&span(settings.lifetime)).into()),
            ("window", (&span(settings.refresh_before_end)).into()),
            ("idle", (&idle).into()),
            ("due", (&span(due)).into()),
            ("received", (&received).into()),
            ("received_time", clock_face(&received).into()),
        ],
    )
}

/// RFC 3339, to the millisecond.
fn written(moment: Millis) -> String {
    let since = moment.since(Millis::from_millis(0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// The time of day of an RFC 3339 text, without its date.
fn clock_face(written: &str) -> &str {
    written.split_once('T').map_or(written, |(_, time)| time)
}

/// `1m 30s`: units as configuration writes them.
fn span(length: Duration) -> String {
    humantime::format_duration(length).to_string()
}
