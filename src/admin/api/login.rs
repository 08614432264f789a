//! In and out of the console: by the token, or by the demo's one-time link.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Refusal;
use crate::admin::access::Asked;
use crate::admin::desk::Desk;

/// Where somebody who came in goes on.
const CONSOLE: &str = "/console/";

/// What is shown to get in.
#[derive(Deserialize)]
pub(super) struct Shown {
    token: String,
}

/// The secret of a link.
#[derive(Deserialize)]
pub(super) struct Once {
    #[serde(default)]
    once: String,
}

/// Logs in whoever has the token.
pub(super) async fn login(
    State(desk): State<Desk>,
    headers: HeaderMap,
    shown: Result<Json<Shown>, JsonRejection>,
) -> Result<Response, Refusal> {
    desk.access()
        .judge_login(&Asked::of(&Method::POST, &headers, false))?;
    let Ok(Json(shown)) = shown else {
        let said = "A login is JSON such as {\"token\": \"…\"}, sent as application/json.";
        return Err(Refusal::bad("malformed", said));
    };
    if !desk.access().has_token() {
        let said = "No token is configured here: this machine's own names, or the certificate of \
                    an operator, need no login.";
        return Err(Refusal::bad("no_token", said));
    }
    let now = desk.now();
    if !desk.logins().listens(now) {
        let said = "There were too many wrong tokens; try again in a minute.";
        return Err(Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many",
            said,
        ));
    }
    if !desk.access().is_token(&shown.token) {
        desk.logins().was_wrong(now);
        desk.shared().telemetry.console_login("refused");
        let said = "This is not the admin token.";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "wrong_token", said));
    }
    desk.shared().telemetry.console_login("token");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(&desk))]).into_response())
}

/// Lets in whoever has the one-time link, once.
pub(super) async fn enter(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Query(Once { once }): Query<Once>,
) -> Response {
    let asked = Asked::of(&Method::GET, &headers, false);
    let allowed = desk.access().judge_login(&asked).is_ok();
    if !(allowed && desk.logins().take_link(&once, desk.now())) {
        desk.shared().telemetry.console_login("refused");
        let said = "This link was used, or is older than ten minutes. Start the demo again for \
                    another one.\n";
        return (StatusCode::GONE, said).into_response();
    }
    desk.shared().telemetry.console_login("link");
    let headers = [(SET_COOKIE, cookie(&desk)), (LOCATION, CONSOLE.to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Ends the login of whoever asks.
pub(super) async fn logout(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let line = desk.logins().end(&headers);
    desk.shared().telemetry.console_login("ended");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, line)]).into_response()
}

fn cookie(desk: &Desk) -> String {
    let entropy = desk.shared().flow.entropy();
    desk.logins().begin(&*entropy, desk.now())
}
