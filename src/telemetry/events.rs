//! One thing that happened: its metrics, and its line in the log or the audit log.

use std::fmt;

use tracing::field::display;

use super::{Telemetry, pseudonym};
use crate::domain::session::SessionId;
use crate::domain::token::{HashKey, hash_token};
use crate::domain::transform::Note;
use crate::flow::Event;

/// What an event is called: a closed set.
pub(super) const EVENTS: [&str; 32] = [
    "created",
    "creation_limited",
    "reissued",
    "ended",
    "login",
    "logout",
    "rotated",
    "replaced",
    "impersonation_started",
    "impersonation_stopped",
    "consent_withdrawn",
    "exported",
    "shown",
    "erased",
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
    /// Something happened to a session.
    pub fn happened(&self, about: About<'_>, event: &Event) {
        self.count(event);
        if let Event::UndeclaredWrites(app, keys) = event {
            self.apps.undeclared(about.account, app, *keys);
        }
        about.tell(event);
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
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The account.
    pub account: &'a str,
    /// The key of its hashes.
    pub key: &'a HashKey,
    /// The session after the request, where there is one.
    pub session: Option<SessionId>,
    /// The request; empty where an operator did it.
    pub request_id: &'a str,
    /// The operator who did it, by the name that they are known by; none: a shopper's request.
    pub operator: Option<&'a str>,
}

impl About<'_> {
    /// The line in the audit log or in the event log.
    fn tell(self, event: &Event) {
        let Self {
            account,
            key,
            session,
            request_id,
            operator,
        } = self;
        let name = label(event);
        let of = |id: SessionId| display(pseudonym(key, id));
        let session = session.map(of);
        match event {
            Event::Ended(id, reason) => {
                tracing::info!(target: "audit", event = name, account, session = of(*id), request_id, operator, reason = reason.label(), "Session ended.");
            }
            Event::Logout(id) => {
                tracing::info!(target: "audit", event = name, account, session = of(*id), request_id, operator, "Somebody logged out.");
            }
            Event::Login(id, who) => {
                let shopper = who.shopper.as_deref().map(|id| display(Person(key, id)));
                let staff = who.staff.as_deref().map(|id| display(Person(key, id)));
                tracing::info!(target: "audit", event = name, account, session = of(*id), request_id, shopper, staff, "Somebody logged in.");
            }
            Event::Rotated(id) => {
                tracing::info!(target: "audit", event = name, account, session = of(*id), request_id, operator, "Session got a new id.");
            }
            Event::Replaced { from, to } => {
                tracing::info!(target: "audit", event = name, account, session = of(*to), from = of(*from), request_id, operator, "An old session id has lost its authority.");
            }
            Event::ImpersonationStarted(id, acting) | Event::ImpersonationStopped(id, acting) => {
                let (staff, customer) = (Person(key, &acting.staff), Person(key, &acting.customer));
                tracing::info!(target: "audit", event = name, account, session = of(*id), request_id, operator, %staff, %customer, "Staff and a customer's session.");
            }
            Event::Noted(Note::ImpersonationGranted) => {
                tracing::info!(target: "audit", event = name, account, session, request_id, "Staff may act as a customer.");
            }
            Event::Noted(Note::ImpersonationRefused(reason) | Note::TokenRefused(reason)) => {
                tracing::info!(target: "audit", event = name, account, session, request_id, reason, "An app refused something.");
            }
            Event::EndedLoginPresented(reason) => {
                tracing::info!(target: "audit", event = name, account, session, request_id, reason = reason.label(), "A login that had ended was presented.");
            }
            Event::Refused(status) => {
                tracing::info!(target: "audit", event = name, account, session, request_id, status, "A trade policy was refused.");
            }
            Event::ConsentWithdrawn(id) => {
                tracing::info!(target: "audit", event = name, account, session = of(*id), request_id, "Consent was withdrawn; the session is gone.");
            }
            Event::Shown(id) => {
                tracing::info!(target: "audit", event = name, account, session = of(*id), operator, "An operator looked at a session.");
            }
            Event::Exported(person, sessions) | Event::Erased(person, sessions) => {
                let person = Person(key, person);
                tracing::info!(target: "audit", event = name, account, %person, sessions, operator, "An operator asked for what is kept of a person.");
            }
            other => self.mention(other),
        }
    }

    /// What is no audit event.
    fn mention(self, event: &Event) {
        let (name, account, request_id) = (label(event), self.account, self.request_id);
        match event {
            Event::AppFailed(app, cause) => {
                let app = &**app;
                tracing::warn!(
                    event = name,
                    account,
                    request_id,
                    app,
                    cause,
                    "A session app failed."
                );
            }
            Event::Looped(record) => {
                tracing::warn!(event = name, account, request_id, apps = ?record.apps, fields = ?record.fields, "A transform cycle would not settle.");
            }
            Event::StoreUnavailable | Event::LimitReached | Event::Ambiguous => {
                tracing::warn!(
                    event = name,
                    account,
                    request_id,
                    "A request was served without its session."
                );
            }
            _ => tracing::debug!(event = name, account, request_id, "Session event."),
        }
    }
}

/// A person, by the shop's own id; by its keyed hash where that may be an e-mail or is no plain name.
struct Person<'a>(&'a HashKey, &'a str);

impl fmt::Display for Person<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, id) = self;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if id.len() <= 64 && id.bytes().all(plain) {
            return f.write_str(id);
        }
        write!(f, "hash:{:032x}", hash_token(key, id).as_u128())
    }
}

/// What an event is called.
pub(crate) fn label(event: &Event) -> &'static str {
    match event {
        Event::Created(_) => "created",
        Event::CreationLimited => "creation_limited",
        Event::Reissued => "reissued",
        Event::Ended(..) => "ended",
        Event::Login(..) => "login",
        Event::Logout(_) => "logout",
        Event::Rotated(_) => "rotated",
        Event::Replaced { .. } => "replaced",
        Event::ImpersonationStarted(..) => "impersonation_started",
        Event::ImpersonationStopped(..) => "impersonation_stopped",
        Event::ConsentWithdrawn(_) => "consent_withdrawn",
        Event::Exported(..) => "exported",
        Event::Shown(_) => "shown",
        Event::Erased(..) => "erased",
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
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
    }
}
