//! Moments and spans, as people read and write them.

use std::time::Duration;

use crate::domain::time::Millis;

/// The moment, and how far it lies from now in whole seconds.
pub fn beside_now(moment: Millis, now: Millis) -> String {
    let span = |span: Duration| humantime::format_duration(Duration::from_secs(span.as_secs()));
    let away = match moment.cmp(&now) {
        std::cmp::Ordering::Less => format!("{} ago", span(now.since(moment))),
        std::cmp::Ordering::Equal => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {}", span(moment.since(now))),
    };
    format!("{} ({away})", moment.written())
}

/// Reads a span such as `10m` or `30d`, for the command line.
pub fn read_span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; a span is written 90s, 10m, 24h or 30d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_to_now_is_told() {
        let now = Millis::from_secs(100);
        for (secs, expected) in [(40, "(1m ago)"), (100, "(now)"), (161, "(in 1m 1s)")] {
            let shown = beside_now(Millis::from_secs(secs), now);
            assert!(shown.ends_with(expected), "{shown}");
        }
        beside_now(Millis::from_millis(i64::MIN), Millis::from_millis(i64::MAX));
    }
}
