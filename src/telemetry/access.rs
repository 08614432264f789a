//! The access log: one line a request, without its query.

use std::time::Duration;

/// One line of the access log.
#[derive(Clone, Copy, Debug)]
pub struct AccessLine<'a> {
    /// The method.
    pub method: &'a str,
    /// The path without its query, in which e-mails and tokens may stand.
    pub path: &'a str,
    /// The status, 0 where nothing was answered.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// The account, empty where none answers on the host.
    pub account: &'a str,
    /// The id under which the upstream knows the request.
    pub request_id: &'a str,
    /// Whether it ended with an error.
    pub failed: bool,
}

impl AccessLine<'_> {
    /// Whether anybody reads the log: a line that nobody reads is not made.
    pub fn wanted() -> bool {
        tracing::enabled!(target: "access", tracing::Level::INFO)
    }

    /// Writes it.
    pub fn write(&self) {
        let Self {
            method,
            path,
            status,
            took,
            account,
            request_id,
            failed,
        } = *self;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(target: "access", method, path, status, micros, account, request_id, failed, "Request answered.");
    }
}
