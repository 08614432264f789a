//! The JSON API of the admin listener, which the console is made of. `openapi.json` describes it.

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use serde_json::json;

use super::access::{Asked, Denied};
use super::desk::Desk;
use super::persons;
use super::secured::Peer;

mod apps;
mod configuration;
mod explain;
mod graph;
mod latest;
mod login;
mod measures;
mod overview;
mod page;
mod session;
mod sessions;
mod who;
mod why;

pub(super) use measures::{Lengths, Measures, whole};

/// What the API is, for programs.
const OPENAPI: &str = include_str!("openapi.json");

/// The longest body that is read, in bytes: a request to be explained.
const BODY_LIMIT: usize = 64 * 1024;

/// Every way into the API, with its methods, as `openapi.json` has them.
pub(super) type Way = (&'static str, &'static [&'static str], MethodRouter<Desk>);

/// Ways for which somebody has to be known.
pub(super) fn guarded() -> Vec<Way> {
    vec![
        ("/api/openapi.json", &["get"], get(openapi)),
        ("/api/overview", &["get"], get(overview::overview)),
        ("/api/history", &["get"], get(overview::history)),
        ("/api/sessions", &["get"], get(sessions::find)),
        ("/api/sessions/latest", &["get"], get(latest::latest)),
        (
            "/api/accounts/{account}/sessions/{id}",
            &["get", "delete"],
            get(session::show).delete(session::end),
        ),
        (
            "/api/accounts/{account}/sessions/{id}/cycles",
            &["get"],
            get(session::cycles),
        ),
        ("/api/accounts/{account}/graph", &["get"], get(graph::graph)),
        ("/api/apps", &["get"], get(apps::apps)),
        (
            "/api/explain",
            &["post"],
            post(explain::explain).layer(DefaultBodyLimit::max(BODY_LIMIT)),
        ),
        (
            "/api/configuration",
            &["get"],
            get(configuration::configuration),
        ),
        ("/api/logout", &["post"], post(login::logout)),
        (
            "/accounts/{account}/principals/{principal}/sessions",
            &["delete"],
            delete(persons::end_sessions),
        ),
        (
            "/accounts/{account}/principals/{principal}/export",
            &["get"],
            get(persons::export),
        ),
        (
            "/accounts/{account}/principals/{principal}/erase",
            &["post"],
            post(persons::erase),
        ),
    ]
}

/// Ways by which somebody becomes known.
pub(super) fn open() -> Vec<Way> {
    vec![
        (
            "/api/login",
            &["post"],
            post(login::login).layer(DefaultBodyLimit::max(BODY_LIMIT)),
        ),
        ("/console/enter", &["get"], get(login::enter)),
    ]
}

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// A word of a closed set.
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::new(
                StatusCode::UNAUTHORIZED,
                "unauthorised",
                "The admin token is needed: Authorization: Bearer …, or a login at the console; or a \
                 certificate of an operator. Where neither is configured, a loopback name such as \
                 localhost.",
            ),
            Denied::Foreign => Self::new(
                StatusCode::FORBIDDEN,
                "foreign_origin",
                "A change is asked for by a page of this very listener, or by no browser.",
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let said = json!({"error": {"code": self.code, "message": self.message}});
        let mut response = (self.status, Json(said)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        response
    }
}

/// Whoever may not ask is told so, in the manner of the place.
pub(super) async fn authorise(
    State(desk): State<Desk>,
    mut request: Request,
    next: Next,
) -> Response {
    let (method, headers, now) = (request.method(), request.headers(), desk.now());
    let logged_in = desk.logins().holds(headers, now);
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    let certificate = peer.and_then(|ConnectInfo(peer)| peer.operator(now));
    let asked = Asked::of(method, headers, logged_in).by(certificate);
    let denied = match desk.access().judge(&asked) {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            return next.run(request).await;
        }
        Err(denied) => denied,
    };
    let stale = peer.is_some_and(|ConnectInfo(peer)| peer.is_stale(now));
    let refusal = Refusal::from(denied);
    let mut response = if request.uri().path().starts_with("/metrics") {
        (refusal.status, format!("{}\n", refusal.message)).into_response()
    } else {
        refusal.into_response()
    };
    if stale {
        // A certificate is shown in the handshake alone.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// Nothing of the admin listener is kept by anybody, or taken for what it is not.
pub(super) async fn careful(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// What a known path is not asked for by, and what is at no path.
pub(super) async fn wrong_method() -> Refusal {
    let said = "This is not asked for by that method; /api/openapi.json says by which.";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", said)
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], Body::from(OPENAPI)).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Ways of the listener that are no part of the tables: they are older than the API.
    const OTHERS: [(&str, &str); 3] = [
        ("/health/live", "get"),
        ("/health/ready", "get"),
        ("/metrics", "get"),
    ];

    fn described() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    #[test]
    fn every_way_is_described_and_every_description_is_of_a_way() {
        let document = described();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(&str, &str)> = paths
            .iter()
            .flat_map(|(path, ways)| {
                let ways = ways.as_object().unwrap().keys();
                ways.map(move |method| (path.as_str(), method.as_str()))
            })
            .collect();
        let ways: Vec<Way> = guarded().into_iter().chain(open()).collect();
        let there = ways.iter().flat_map(|(path, methods, _)| {
            let methods = methods.iter();
            methods.map(move |method| (*path, *method))
        });
        let there: BTreeSet<(&str, &str)> = there.chain(OTHERS).collect();
        assert_eq!(described, there);
    }

    #[test]
    fn every_schema_of_the_description_is_one_and_every_reference_leads_to_one() {
        let document = described();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in schemas.keys() {
            let schema = json!({
                "$ref": format!("#/components/schemas/{name}"),
                "components": document["components"],
            });
            assert!(jsonschema::validator_for(&schema).is_ok(), "{name}");
        }
        for part in OPENAPI.split("\"#/components/schemas/").skip(1) {
            let (name, _) = part.split_once('"').unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}
