//! The admin listener: metrics, health, and the end of a person's sessions.
//!
//! All but health needs the token, or, where none is configured, a loopback address on both ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::edge::{Running, Shared};

/// Who may read the metrics.
#[derive(Clone)]
pub enum Access {
    /// Whoever presents this token as `Authorization: Bearer`.
    Token(Arc<str>),
    /// Whoever asks on a loopback address by a loopback name; a page of another site cannot,
    /// since its browser sends that site's name.
    Loopback,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Loopback => "Loopback",
        })
    }
}

/// The admin pages.
pub fn router(shared: Arc<Shared>, access: Access) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route(
            "/accounts/{account}/principals/{principal}/sessions",
            delete(end_sessions),
        )
        .route_layer(middleware::from_fn_with_state(access, authorise));
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .merge(guarded)
        .with_state(shared)
}

/// Serves the admin pages until told to stop.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            // A sender that is gone means the same as one that says so.
            drop(stop.wait_for(|stop| *stop).await);
        })
        .await
}

/// Whether an address is one that only this machine can reach.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

async fn live() -> &'static str {
    "live\n"
}

/// Ready when every upstream has an address; says so where the session store or servers are in
/// trouble.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let running = shared.running.load();
    let missing: Vec<String> = running
        .hosts
        .each_site()
        .into_iter()
        .flat_map(|site| {
            let account = &site.account.name;
            let lost = site
                .upstreams
                .values()
                .filter(|upstream| upstream.known() == 0);
            lost.map(move |upstream| format!("{account}: no address of {}\n", upstream.name()))
        })
        .collect();
    if !missing.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, missing.concat()).into_response();
    }
    // Pages are served either way: an instance whose sessions wait is not to be taken out, nor is
    // one that lacks a server which all others lack too.
    let mut lines = vec!["ready\n".to_owned()];
    let health = shared.flow.store_health();
    if !health.answers || health.owed > 0 {
        let answers = if health.answers {
            "answers again"
        } else {
            "does not answer"
        };
        let owed = health.owed;
        lines.push(format!(
            "degraded: the session store {answers}, {owed} changes wait for it\n"
        ));
    }
    lines.extend(servers_out(&running));
    lines.concat().into_response()
}

/// A line for each upstream of which some servers get no requests.
fn servers_out(running: &Running) -> Vec<String> {
    let mut lines = Vec::new();
    for site in running.hosts.each_site() {
        for upstream in site.upstreams.values() {
            let (out, known) = (upstream.out(), upstream.known());
            if out > 0 {
                let (account, name) = (&site.account.name, upstream.name());
                lines.push(format!(
                    "degraded: {account}: {out} of {known} servers of {name} are down\n"
                ));
            }
        }
    }
    lines.sort_unstable();
    lines
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    // Sessions are many: they are counted beside what serves shoppers.
    let flow = Arc::clone(&shared.flow);
    if let Ok(census) = tokio::task::spawn_blocking(move || flow.census()).await {
        shared.telemetry.holds(&census);
    }
    let text = shared.telemetry.render();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

/// Ends every session of a shopper or a member of staff.
async fn end_sessions(
    State(shared): State<Arc<Shared>>,
    Path((account, principal)): Path<(String, String)>,
) -> Response {
    let running = shared.running.load_full();
    let site = running
        .hosts
        .sites()
        .find(|site| *site.account.name == *account);
    let Some(site) = site else {
        let said = json!({"error": "there is no account of this name"});
        return (StatusCode::NOT_FOUND, Json(said)).into_response();
    };
    match shared.flow.revoke(&site.account, &principal).await {
        Ok(revoked) => {
            let key = site.account.keys.hash_key();
            for event in &revoked.events {
                shared.telemetry.happened(&site.account.name, key, event);
            }
            let said = json!({"ended": revoked.sessions, "complete": revoked.complete});
            let status = if revoked.complete {
                StatusCode::OK
            } else {
                StatusCode::ACCEPTED
            };
            (status, Json(said)).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "Sessions of a person could not be ended.");
            let said = json!({"error": "the session store cannot be asked"});
            let later = [(RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, later, Json(said)).into_response()
        }
    }
}

async fn authorise(State(access): State<Access>, request: Request, next: Next) -> Response {
    if allowed(&access, request.headers()) {
        return next.run(request).await;
    }
    let said = "The admin token is needed: Authorization: Bearer ...\n";
    (StatusCode::UNAUTHORIZED, said).into_response()
}

fn allowed(access: &Access, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match access {
        Access::Token(token) => {
            let given = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
            // Digests are compared, so the time that it takes says nothing about the token.
            given.is_some_and(|given| Sha256::digest(given) == Sha256::digest(token.as_bytes()))
        }
        Access::Loopback => text(HOST).is_some_and(loopback_name),
    }
}

fn loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(name.parse().unwrap(), value.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn metrics_need_the_token_where_there_is_one() {
        let access = Access::Token("secret".into());
        assert!(allowed(&access, &headers("authorization", "Bearer secret")));
        for wrong in ["Bearer wrong", "secret", "Basic secret", ""] {
            assert!(
                !allowed(&access, &headers("authorization", wrong)),
                "{wrong}"
            );
        }
        assert!(!allowed(&access, &HeaderMap::new()));
    }

    #[test]
    fn without_a_token_only_loopback_names_are_answered() {
        for host in [
            "localhost:9090",
            "127.0.0.1:9090",
            "[::1]:9090",
            "localhost",
        ] {
            assert!(allowed(&Access::Loopback, &headers("host", host)), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:9090",
            "10.0.0.1:9090",
            "",
        ] {
            assert!(
                !allowed(&Access::Loopback, &headers("host", host)),
                "{host}"
            );
        }
    }
}
