//! Which lines are logged at all, by who says them.

use tracing::Level;
use tracing_subscriber::filter::Targets;

use crate::config::values::LogLevel;

/// What this program says, by target.
const OURS: [&str; 3] = ["vestibule", "access", "audit"];

/// Of this program, all from a level on. Of libraries, trouble alone, whatever the level: at some
/// levels they tell whole headers.
pub fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let targets = Targets::new().with_default(level.min(Level::WARN));
    OURS.into_iter()
        .fold(targets, |targets, name| targets.with_target(name, level))
}
