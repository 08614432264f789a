//! This API described in `OpenAPI` 3.1, from the same routes and errors that answer it. What goes
//! beyond the platform's published schema is marked `x-vestibule-extension`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::domain::api::{
    ApiError, KEEPALIVE_PATH, OPENAPI_PATH, ReportError, SEGMENTS_PATH, SESSIONS_PATH,
};
use crate::domain::session::limits::LimitError;
use crate::domain::time::span_millis;

mod schemas;

/// Marks what the platform's schema does not have.
const EXTENSION: &str = "x-vestibule-extension";
const JSON: &str = "application/json";

/// The description, for an account that lives below `root_path`; `longest` is how long ago activity
/// may be that a page reports.
pub fn describe(root_path: &str, longest: Duration) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Session API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Reads and writes the session of a shopper. It follows the platform's \
                Session Manager API; what goes beyond it is marked `x-vestibule-extension`. A \
                trailing slash changes nothing. An error changes nothing.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root_path}],
        "tags": [
            {"name": "Session", "description": "The shopper's kept state."},
            {"name": "Segment", "description": "The part of it that shoppers share."},
            {"name": "Description", "description": "This document."},
        ],
        "paths": paths(),
        "components": {
            "schemas": schemas::all(span_millis(longest)),
            "securitySchemes": {
                "vtex_session": {
                    "type": "apiKey", "in": "cookie", "name": "vtex_session",
                    "description": "Names the session. Set by any answer that begins or writes one.",
                },
            },
        },
    })
}

fn paths() -> Value {
    let (session_of, segment_of) = (
        format!("{SESSIONS_PATH}/{{token}}"),
        format!("{SEGMENTS_PATH}/{{token}}"),
    );
    let mut paths = Map::new();
    paths.insert(
        SESSIONS_PATH.to_owned(),
        json!({
            "get": read(&[]),
            "post": write("post", "createSession", "Create or edit a session", &[]),
            "patch": write("patch", "editSession", "Edit a session", &[]),
            "delete": end(),
        }),
    );
    let token = [schemas::session_token()];
    paths.insert(
        session_of,
        json!({
            "get": extension(read(&token)),
            "post": extension(write("post", "createSession", "Create or edit a session", &token)),
            "patch": extension(write("patch", "editSession", "Edit a session", &token)),
        }),
    );
    paths.insert(SEGMENTS_PATH.to_owned(), json!({"get": segment()}));
    paths.insert(segment_of, json!({"get": spelled_out()}));
    paths.insert(KEEPALIVE_PATH.to_owned(), json!({"post": keep_alive()}));
    paths.insert(OPENAPI_PATH.to_owned(), json!({"get": description()}));
    Value::Object(paths)
}

fn read(token: &[Value]) -> Value {
    let mut parameters = token.to_vec();
    parameters.push(json!({
        "name": "items", "in": "query", "required": true,
        "description": "The wanted fields, `namespace.key` with commas between, `namespace.*` for a \
            whole namespace (beyond the platform), or `*` for everything. Missing ones are left out.",
        "schema": {"type": "string", "pattern": "\\S"},
        "example": "store.channel,profile.email",
    }));
    operation(
        &named("getSession", token),
        ("Session", "Read a session"),
        "Without a session one begins, as on a page. Parameters that the account captures on pages \
         are captured here too. Captured cookies (`cookie.*`) are not shown.",
        json!({
            "parameters": parameters,
            "security": [{}, {"vtex_session": []}],
            "responses": responses(
                [("200", ok("The session.", "Session"))],
                &reading_errors(!token.is_empty()),
            ),
        }),
    )
}

fn write(method: &str, name: &str, summary: &str, token: &[Value]) -> Value {
    let mut parameters = token.to_vec();
    parameters.push(json!({
        "name": "items", "in": "query",
        "description": "Where given, the answer is the session with these fields in place of the \
            tokens.",
        "schema": {"type": "string"},
    }));
    let created = linked(ok("A session began.", "Written"));
    let edited = linked(ok("The session was edited.", "Written"));
    let cookies = json!({"Set-Cookie": {
        "description": "The session's and the segment's cookie.",
        "schema": {"type": "string"},
    }});
    let with_cookies = |mut answer: Value| {
        if token.is_empty()
            && let Some(answer) = answer.as_object_mut()
        {
            answer.insert("headers".to_owned(), cookies.clone());
        }
        answer
    };
    let difference = if method == "post" {
        "POST and PATCH do the same."
    } else {
        "PATCH and POST do the same."
    };
    operation(
        &named(name, token),
        ("Session", summary),
        &format!(
            "Writes into `public`: every query parameter but `items`, `supportedLocales`, \
             `__bindingId`, `session_path` and `workspace`, and over them the keys of the body. \
             Whatever stands outside `public` is ignored. {difference} To a browser's script \
             `sessionToken` is good for this API alone."
        ),
        json!({
            "parameters": parameters,
            "security": [{}, {"vtex_session": []}],
            "requestBody": {
                "required": false,
                "content": {JSON: {"schema": schemas::reference("Writes")}},
            },
            "responses": responses(
                [("201", with_cookies(created)), ("200", with_cookies(edited))],
                &writing_errors(),
            ),
        }),
    )
}

fn end() -> Value {
    extension(operation(
        "endSession",
        ("Session", "End the session"),
        "Ends the session and the logins that the request shows, and removes the cookies. Without a \
         session there is nothing to do.",
        json!({
            "security": [{}, {"vtex_session": []}],
            "responses": responses(
                [("204", json!({"description": "It is over."}))],
                &[ApiError::ForeignOrigin, ApiError::Replaced, ApiError::Unavailable],
            ),
        }),
    ))
}

fn segment() -> Value {
    operation(
        "getSegment",
        ("Segment", "Read the segment"),
        "Captured query parameters (`utm_source`, `cultureInfo`, …) are taken into account in this \
         answer alone.",
        json!({
            "parameters": overrides(&["sc", "cultureInfo", "utm_source", "utm_campaign", "utmi_cp"]),
            "security": [{}, {"vtex_session": []}],
            "responses": responses(
                [("200", ok("The segment.", "Segment"))],
                &[
                    ApiError::DeniedAnonymous,
                    ApiError::Denied,
                    ApiError::Replaced,
                    ApiError::CreationLimited,
                    ApiError::App(String::new()),
                    ApiError::Unavailable,
                ],
            ),
        }),
    )
}

fn spelled_out() -> Value {
    let mut parameters = vec![json!({
        "name": "token", "in": "path", "required": true,
        "description": "A segment token: base64 of a JSON object, padded or not, in either \
            alphabet. The slashes of the standard one stand as they are: escaped ones (`%2F`) \
            are refused, as everywhere.",
        "schema": {"type": "string", "format": "segment-token"},
        "example": "eyJjaGFubmVsIjoiMSJ9",
    })];
    parameters.extend(overrides(&[
        "cultureInfo",
        "utm_source",
        "utm_campaign",
        "utmi_cp",
    ]));
    operation(
        "getSegmentByToken",
        ("Segment", "Decode a segment"),
        "The segment that the token spells out; no session is looked at. `utm_campaign`, \
         `utm_source`, `utmi_cp` and `cultureInfo` go over it in this answer.",
        json!({
            "parameters": parameters,
            "responses": responses(
                [("200", ok("The segment.", "AnySegment"))],
                &[ApiError::BadSegment],
            ),
        }),
    )
}

fn keep_alive() -> Value {
    let mut told = ok("How the session stands.", "Standing");
    if let Some(told) = told.as_object_mut() {
        let headers = json!({
            "x-session-authenticated": {
                "description": "Of a live session: `true` where somebody is logged in.",
                "schema": {"type": "string"},
            },
            "x-session-age-ms": {
                "description": "Of a live session: how long ago it began, in milliseconds.",
                "schema": {"type": "integer", "minimum": 0},
            },
        });
        told.insert("headers".to_owned(), headers);
    }
    extension(operation(
        "keepAlive",
        ("Session", "Tell of a shopper's activity"),
        "A page tells how long ago its shopper last did something; the session then lives from that \
         moment on. It begins no session, ends none, and brings none back that has ended. The cookie is \
         issued again where a page's request would have it issued again.",
        json!({
            "security": [{}, {"vtex_session": []}],
            "requestBody": {
                "required": true,
                "content": {JSON: {"schema": schemas::reference("Report")}},
            },
            "responses": responses(
                [("200", told)],
                &[
                    ApiError::Report(ReportError::Missing),
                    ApiError::ForeignOrigin,
                    ApiError::Replaced,
                    ApiError::TooLarge(0),
                    ApiError::Unavailable,
                ],
            ),
        }),
    ))
}

/// Query parameters that show in one answer alone.
fn overrides(names: &[&str]) -> Vec<Value> {
    let parameter =
        |name: &&str| json!({"name": name, "in": "query", "schema": {"type": "string"}});
    names.iter().map(parameter).collect()
}

fn description() -> Value {
    extension(operation(
        "getDescription",
        ("Description", "Read this document"),
        "This API in OpenAPI 3.1.",
        json!({"responses": responses(
            [("200", json!({
                "description": "The document.",
                "content": {JSON: {"schema": {"type": "object", "required": ["openapi", "paths"]}}},
            }))],
            &[],
        )}),
    ))
}

fn operation(name: &str, (tag, summary): (&str, &str), said: &str, rest: Value) -> Value {
    let mut operation = json!({
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": said,
    });
    if let (Some(operation), Value::Object(rest)) = (operation.as_object_mut(), rest) {
        operation.extend(rest);
    }
    operation
}

fn named(name: &str, token: &[Value]) -> String {
    let suffix = if token.is_empty() { "" } else { "ByToken" };
    format!("{name}{suffix}")
}

fn extension(mut operation: Value) -> Value {
    if let Some(operation) = operation.as_object_mut() {
        operation.insert(EXTENSION.to_owned(), Value::Bool(true));
    }
    operation
}

fn ok(said: &str, schema: &str) -> Value {
    json!({
        "description": said,
        "content": {JSON: {"schema": schemas::reference(schema)}},
    })
}

/// Whoever was told a token can name the session by it.
fn linked(mut answer: Value) -> Value {
    let token = json!({"token": "$response.body#/sessionToken"});
    if let Some(answer) = answer.as_object_mut() {
        let links = json!({
            "read": {"operationId": "getSessionByToken", "parameters": token},
            "edit": {"operationId": "editSessionByToken", "parameters": token},
        });
        answer.insert("links".to_owned(), links);
    }
    answer
}

fn reading_errors(by_token: bool) -> Vec<ApiError> {
    let mut errors = vec![
        ApiError::NoItems,
        ApiError::DeniedAnonymous,
        ApiError::Denied,
        ApiError::Replaced,
        ApiError::CreationLimited,
        ApiError::App(String::new()),
        ApiError::Unavailable,
    ];
    if by_token {
        errors.push(ApiError::ForeignToken);
    }
    errors
}

fn writing_errors() -> Vec<ApiError> {
    let mut errors = reading_errors(false);
    errors.retain(|error| *error != ApiError::NoItems);
    errors.extend([
        ApiError::Limit(LimitError::PublicKeys(0)),
        ApiError::ForeignOrigin,
        ApiError::TooLarge(0),
    ]);
    errors
}

/// The good answers, and one entry for each status that an error has.
fn responses<const GOOD: usize>(good: [(&str, Value); GOOD], errors: &[ApiError]) -> Value {
    let mut responses: Map<String, Value> = good
        .into_iter()
        .map(|(status, answer)| (status.to_owned(), answer))
        .collect();
    for error in errors {
        let mut answer = ok(error.kind(), "Error");
        if error.retry_after().is_some()
            && let Some(answer) = answer.as_object_mut()
        {
            let header = json!({"Retry-After": {
                "description": "Seconds.",
                "schema": {"type": "integer", "minimum": 1},
            }});
            answer.insert("headers".to_owned(), header);
        }
        responses.insert(error.status().to_string(), answer);
    }
    // What the edge itself refuses, before the API: a path that two servers could read differently,
    // and a head that is too large.
    for (status, said) in [
        ("400", "BadRequest"),
        ("431", "The request's head is too large"),
    ] {
        let refused = responses
            .entry(status)
            .or_insert_with(|| json!({"description": said, "content": {}}));
        let problem = json!({"schema": schemas::reference("Problem")});
        if let Some(content) = refused.get_mut("content").and_then(Value::as_object_mut) {
            content.insert("application/problem+json".to_owned(), problem);
        }
    }
    Value::Object(responses)
}
