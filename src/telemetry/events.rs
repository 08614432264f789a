//! One thing that happened: its metrics, and its line in the log or the audit log.

use super::{Telemetry, pseudonym};
use crate::domain::token::HashKey;
use crate::domain::transform::Note;
use crate::flow::Event;

/// What an event is called: a closed set.
pub(super) const EVENTS: [&str; 27] = [
    "created",
    "creation_limited",
    "reissued",
    "ended",
    "login",
    "logout",
    "rotated",
    "impersonation_started",
    "impersonation_stopped",
    "login_token_refused",
    "impersonation_granted",
    "impersonation_refused",
    "ended_login_presented",
    "refused",
    "app_failed",
    "undeclared_writes",
    "overwritten",
    "looped",
    "limit_reached",
    "token_rejected",
    "clock_step",
    "cookies_cut",
    "cookie_pairs_dropped",
    "segment_cut",
    "ambiguous",
    "store_unavailable",
    "owed",
];

impl Telemetry {
    /// Something happened to a session of this account.
    pub fn happened(&self, account: &str, key: &HashKey, event: &Event) {
        self.count(event);
        if let Event::UndeclaredWrites(app, keys) = event {
            self.apps.undeclared(account, app, *keys);
        }
        Self::log(account, key, event);
    }

    fn count(&self, event: &Event) {
        self.events.with_label_values(&[label(event)]).inc();
        match event {
            Event::Ended(_, reason) => self.ended.with_label_values(&[reason.label()]).inc(),
            Event::Logout(_) => self.ended.with_label_values(&["logout"]).inc(),
            Event::PairsDropped(count) => self.faults.dropped_pairs.inc_by(*count as u64),
            Event::Refused(status) => {
                let status = if *status == 401 { "401" } else { "403" };
                self.refusals.with_label_values(&[status]).inc();
            }
            Event::AppFailed(app, cause) => {
                self.faults
                    .app_failures
                    .with_label_values(&[&**app, cause])
                    .inc();
            }
            Event::TokenRejected(reason) => {
                self.faults
                    .tokens_rejected
                    .with_label_values(&["session", reason])
                    .inc();
            }
            Event::Noted(Note::TokenRefused(reason)) => {
                self.faults
                    .tokens_rejected
                    .with_label_values(&["vtexid", reason])
                    .inc();
            }
            _ => {}
        }
    }

    fn log(account: &str, key: &HashKey, event: &Event) {
        let name = label(event);
        match event {
            Event::Ended(id, reason) => {
                let (session, reason) = (pseudonym(key, *id), reason.label());
                tracing::info!(target: "audit", event = name, account, session, reason, "Session ended.");
            }
            Event::ImpersonationStarted(id, acting) | Event::ImpersonationStopped(id, acting) => {
                let session = pseudonym(key, *id);
                let (staff, customer) = (&*acting.staff, &*acting.customer);
                tracing::info!(target: "audit", event = name, account, session, staff, customer, "Staff and a customer's session.");
            }
            Event::Login(id) | Event::Logout(id) | Event::Rotated(id) => {
                let session = pseudonym(key, *id);
                tracing::info!(target: "audit", event = name, account, session, "Session changed hands.");
            }
            Event::Noted(note) => {
                tracing::info!(target: "audit", event = name, account, ?note, "An app noted something.");
            }
            Event::EndedLoginPresented(reason) => {
                let reason = reason.label();
                tracing::info!(target: "audit", event = name, account, reason, "A login that had ended was presented.");
            }
            Event::Refused(status) => {
                tracing::info!(target: "audit", event = name, account, status, "A trade policy was refused.");
            }
            Event::AppFailed(app, cause) => {
                tracing::warn!(
                    event = name,
                    account,
                    app = &**app,
                    cause,
                    "A session app failed."
                );
            }
            Event::Looped(record) => {
                tracing::warn!(event = name, account, apps = ?record.apps, fields = ?record.fields, "A transform cycle would not settle.");
            }
            Event::StoreUnavailable | Event::LimitReached | Event::Ambiguous => {
                tracing::warn!(
                    event = name,
                    account,
                    "A request was served without its session."
                );
            }
            _ => tracing::debug!(event = name, account, "Session event."),
        }
    }
}

/// What an event is called.
pub(crate) fn label(event: &Event) -> &'static str {
    match event {
        Event::Created(_) => "created",
        Event::CreationLimited => "creation_limited",
        Event::Reissued => "reissued",
        Event::Ended(..) => "ended",
        Event::Login(_) => "login",
        Event::Logout(_) => "logout",
        Event::Rotated(_) => "rotated",
        Event::ImpersonationStarted(..) => "impersonation_started",
        Event::ImpersonationStopped(..) => "impersonation_stopped",
        Event::Noted(Note::TokenRefused(_)) => "login_token_refused",
        Event::Noted(Note::ImpersonationGranted) => "impersonation_granted",
        Event::Noted(Note::ImpersonationRefused(_)) => "impersonation_refused",
        Event::EndedLoginPresented(_) => "ended_login_presented",
        Event::Refused(_) => "refused",
        Event::AppFailed(..) => "app_failed",
        Event::UndeclaredWrites(..) => "undeclared_writes",
        Event::Overwritten(_) => "overwritten",
        Event::Looped(_) => "looped",
        Event::LimitReached => "limit_reached",
        Event::TokenRejected(_) => "token_rejected",
        Event::ClockStep => "clock_step",
        Event::CookiesCut => "cookies_cut",
        Event::PairsDropped(_) => "cookie_pairs_dropped",
        Event::SegmentCut(_) => "segment_cut",
        Event::Ambiguous => "ambiguous",
        Event::StoreUnavailable => "store_unavailable",
        Event::Owed => "owed",
    }
}

#[cfg(test)]
mod tests {
    use super::EVENTS;

    #[test]
    fn every_event_has_its_counter_from_the_start() {
        let source = include_str!("events.rs");
        let (source, _) = source.split_once("#[cfg(test)]").unwrap();
        let named = source.lines().filter_map(|line| {
            let line = line.trim().strip_prefix("Event::")?;
            line.split_once("=> \"")?.1.strip_suffix("\",")
        });
        let mut named: Vec<_> = named.collect();
        let mut known = EVENTS.to_vec();
        (named.sort_unstable(), known.sort_unstable());
        assert_eq!(named, known);
    }
}
