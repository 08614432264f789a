//! What breaks inside the program: counted, and told without anything of a request in it.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, Location};
use std::sync::LazyLock;

use prometheus::IntCounter;

use super::metrics::Metrics;

/// One for the whole process, as the hook is.
static PANICS: LazyLock<IntCounter> = LazyLock::new(|| {
    Metrics::counter(
        "vestibule_panics_total",
        "Times that a part of the program broke off; its request ended, others went on.",
    )
});

/// Has them counted among the metrics.
pub(super) fn register(m: &Metrics) {
    m.share(&PANICS);
}

/// From here on panics are counted, and written to the log instead of beside it.
pub fn tell_panics() {
    panic::set_hook(Box::new(|info| {
        PANICS.inc();
        let place = info
            .location()
            .map_or_else(String::new, Location::to_string);
        let what = written(info.payload());
        // Taken where `RUST_BACKTRACE` asks for it.
        let way = Backtrace::capture();
        let way = (way.status() == BacktraceStatus::Captured).then(|| way.to_string());
        tracing::error!(place, what, way, "A part of the program broke off.");
    }));
}

/// What was written into the program. A text that was put together may hold what a client said.
fn written(payload: &dyn Any) -> &'static str {
    let written = payload.downcast_ref::<&'static str>();
    written.copied().unwrap_or("a text that is kept to itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_program_is_told_and_one_with_values_is_not() {
        let fixed = panic::catch_unwind(|| panic::resume_unwind(Box::new("no such place")));
        assert_eq!(written(&*fixed.unwrap_err()), "no such place");
        let made: Box<dyn Any + Send> = Box::new(format!("{} is no number", "ana@example.com"));
        assert_eq!(written(&*made), "a text that is kept to itself");
    }

    #[test]
    fn the_count_is_there_from_the_start() {
        let text = crate::telemetry::Telemetry::new().render();
        let told = text
            .lines()
            .find_map(|line| line.strip_prefix("vestibule_panics_total"));
        assert!(told.is_some_and(|count| count.trim().parse::<u64>().is_ok()));
    }
}
