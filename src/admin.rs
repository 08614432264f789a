//! The admin listener: metrics, health, and what is kept of a person: told, ended, erased.
//!
//! All but health needs the token, or, where none is configured, a loopback address on both ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::edge::Shared;

mod console;
mod health;
mod persons;

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
            delete(persons::end_sessions),
        )
        .route(
            "/accounts/{account}/principals/{principal}/export",
            get(persons::export),
        )
        .route(
            "/accounts/{account}/principals/{principal}/erase",
            post(persons::erase),
        )
        .route_layer(middleware::from_fn_with_state(access, authorise));
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .merge(guarded)
        .merge(console::router())
        .with_state(shared)
}

/// Serves the admin pages to the very end: while requests under way are waited for, whoever asks
/// learns that the process drains. Where another process answers in this one's place, which `handed`
/// tells by then, it is left to that one.
pub async fn serve_to_the_end(
    listener: TcpListener,
    router: Router,
    shared: Arc<Shared>,
    (mut stop, handed): (watch::Receiver<bool>, impl Fn() -> bool + Send + 'static),
) -> std::io::Result<()> {
    let drains = async move {
        // A sender that is gone means the same as one that says so.
        drop(stop.wait_for(|stop| *stop).await);
        shared.telemetry.state().drains();
        if !handed() {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(drains)
        .await
}

/// Serves pages until told to stop.
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

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    shared.telemetry.holds(&shared.flow.census());
    shared.running.load().load.tell();
    let text = shared.telemetry.render();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
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
