//! The demo storefront: an upstream of the proxy with a few pages, and routes for tests.
//! It believes the headers that Vestibule sets, and reads no session cookie.

mod answer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::knowledge::Knowledge;
use super::people::Person;
use super::{login, page};
use crate::domain::time::Millis;
use crate::ports::Clock;

pub(super) use answer::{page_answer, secure_headers};

/// Forms here are two short fields.
const FORM_BYTES: usize = 16 * 1024;

const STYLE: &str = include_str!("static/demo.css");
const SCRIPT: &str = include_str!("static/demo.js");
const ICON: &str = include_str!("static/icon.svg");

/// A login token could not be made. The text is for the page of a demo, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the login token could not be made: {0}")]
pub struct IssueError(pub String);

/// Makes the token of a login, with the demo's own key.
pub trait IssueToken: Send + Sync + fmt::Debug {
    /// The value of this person's login cookie: a webstore token for shoppers, an admin token
    /// for staff.
    fn issue(&self, person: &Person) -> Result<String, IssueError>;
}

/// What the storefront is told when it starts.
#[derive(Clone, Debug)]
pub struct StorefrontSettings {
    /// Session lifetime L, as the proxy has it. Shown, never enforced here.
    pub lifetime: Duration,
    /// Refresh before end, W.
    pub refresh_before_end: Duration,
    /// The idle limit.
    pub idle: Duration,
    /// The account, part of the shoppers' login cookie's name.
    pub account: String,
    /// Makes login tokens.
    pub token_issuer: Arc<dyn IssueToken>,
    /// The time of a request's arrival.
    pub clock: Arc<dyn Clock>,
}

/// The settings, shared by all requests.
pub(super) type Shop = Arc<StorefrontSettings>;

/// The storefront as a service.
pub fn router(settings: StorefrontSettings) -> Router {
    Router::new()
        .route("/", get(start))
        .route("/account", get(account))
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/impersonate", post(login::impersonate))
        .route("/echo", any(echo))
        .route("/poll", get(poll))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/static/demo.css", asset("text/css; charset=utf-8", STYLE))
        .route(
            "/static/demo.js",
            asset("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/static/icon.svg", asset("image/svg+xml", ICON))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(map_response(secure_headers))
        .with_state(Arc::new(settings))
}

fn asset(kind: &'static str, text: &'static str) -> axum::routing::MethodRouter<Shop> {
    // A short age: whoever updates the demo should not look at yesterday's style.
    let headers = [
        ("content-type", kind),
        ("cache-control", "public, max-age=60"),
    ];
    get(move || async move { (headers, text) })
}

async fn start(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let moment = page::Moment {
        received: shop.clock.now(),
        settings: &shop,
    };
    let knowledge = Knowledge::read(&headers);
    page_answer(StatusCode::OK, page::shop(knowledge, moment))
}

/// The proxy lets only shoppers through; whoever comes past it is nobody.
async fn account(headers: HeaderMap) -> Response {
    let knowledge = Knowledge::read(&headers);
    if knowledge.authenticated() {
        return page_answer(StatusCode::OK, page::account(knowledge));
    }
    let text = (
        "This page needs a shopper",
        "Nobody is logged in on this request. Through Vestibule you would have been sent to the \
         login page.",
    );
    let status = StatusCode::UNAUTHORIZED;
    page_answer(status, page::message(knowledge, status, text))
}

async fn nothing_here(headers: HeaderMap) -> Response {
    let text = ("Nothing here", "The shop has no page at this address.");
    let status = StatusCode::NOT_FOUND;
    let knowledge = Knowledge::read(&headers);
    page_answer(status, page::message(knowledge, status, text))
}

/// For tests: what this storefront received, name by name, in order of arrival.
async fn echo(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let received: Map<String, Value> = (headers.keys())
        .map(|name| {
            let values = headers.get_all(name).iter();
            let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            (name.as_str().to_owned(), values.collect())
        })
        .collect();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let body = json!({"method": method.as_str(), "path": path, "headers": received});
    ([("cache-control", "no-store")], Json(body)).into_response()
}

/// For the page: shows that a session is not kept alive by asking.
async fn poll(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let knowledge = Knowledge::read(&headers);
    let received: Millis = shop.clock.now();
    let body = json!({
        "receivedAt": received.as_millis(),
        "sessionId": knowledge.session_id(),
        "authenticated": knowledge.authenticated(),
    });
    ([("cache-control", "no-store")], Json(body)).into_response()
}

#[cfg(test)]
pub(super) mod tests;
