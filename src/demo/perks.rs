//! The demo's session app over HTTP: a loyalty level and a delivery promise. It does what
//! `conf/examples/session-app/app.py` does, and a test asks both the same.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};

/// The longest body of a call.
const LONGEST: usize = 64 * 1024;

/// The app as a service.
pub fn perks() -> Router {
    Router::new()
        .route("/_v/perks/session/transform", post(call))
        .route("/_v/perks/session/transform/", post(call))
        .fallback(|| async { answer(StatusCode::NOT_FOUND, &json!({"message": "no such app"})) })
        .layer(DefaultBodyLimit::max(LONGEST))
}

async fn call(body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(Value::Object(session)) => answer(StatusCode::OK, &transform(&session)),
        _ => answer(
            StatusCode::BAD_REQUEST,
            &json!({"message": "a call is an object of namespaces"}),
        ),
    }
}

fn answer(status: StatusCode, content: &Value) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(content)).into_response()
}

fn transform(session: &Map<String, Value>) -> Value {
    let text = |namespace: &str, key: &str| {
        let field = session.get(namespace)?.get(key)?;
        field.get("value")?.as_str()
    };
    let lists = |namespace: &str, key: &str, item: &str| {
        let items = text(namespace, key).unwrap_or_default().split(',');
        items.map(str::trim).any(|one| one == item)
    };
    let known = text("profile", "isAuthenticated") == Some("true");
    let level = match known {
        true if lists("profile", "priceTables", "gold") => "gold",
        true => "member",
        false => "guest",
    };
    let message = match level {
        "gold" => "Delivered tomorrow, free of charge.",
        _ if lists("rnb", "campaigns", "black-friday") => "Free delivery on everything this week.",
        "member" => "Free delivery from 50.",
        _ => "Log in for free delivery from 50.",
    };
    json!({"perks": {"level": {"value": level}, "message": {"value": message}}})
}
