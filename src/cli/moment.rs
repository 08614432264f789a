//! Moments and spans, as people read and write them.

use std::time::{Duration, UNIX_EPOCH};

use crate::domain::time::Millis;

/// What RFC 3339 can write: years 1970 to 9999, in milliseconds.
const WRITABLE: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999;

/// `2018-11-28T09:35:00Z`, with milliseconds where there are any.
pub fn written(moment: Millis) -> String {
    let millis = moment.as_millis();
    match u64::try_from(millis) {
        Ok(since_epoch) if WRITABLE.contains(&millis) => {
            let time = UNIX_EPOCH + Duration::from_millis(since_epoch);
            if moment.subsec_millis() == 0 {
                humantime::format_rfc3339_seconds(time).to_string()
            } else {
                humantime::format_rfc3339_millis(time).to_string()
            }
        }
        _ => format!("{millis} ms after 1970"),
    }
}

/// The moment, and how far it lies from now in whole seconds.
pub fn beside_now(moment: Millis, now: Millis) -> String {
    let span = |span: Duration| humantime::format_duration(Duration::from_secs(span.as_secs()));
    let away = match moment.cmp(&now) {
        std::cmp::Ordering::Less => format!("{} ago", span(now.since(moment))),
        std::cmp::Ordering::Equal => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {}", span(moment.since(now))),
    };
    format!("{} ({away})", written(moment))
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
    fn moments_are_written_in_utc() {
        for (millis, expected) in [
            (1_543_397_700_000, "2018-11-28T09:35:00Z"),
            (1_543_397_700_007, "2018-11-28T09:35:00.007Z"),
            (0, "1970-01-01T00:00:00Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "253402300800000 ms after 1970"),
            (-1, "-1 ms after 1970"),
            (i64::MIN, "-9223372036854775808 ms after 1970"),
        ] {
            assert_eq!(written(Millis::from_millis(millis)), expected);
        }
    }

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
