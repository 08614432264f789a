//! Gives the shopper of an explained request a session, as if they had been here before.

use std::time::Duration;

use http::HeaderValue;
use http::header::COOKIE;
use pingora::http::RequestHeader;
use serde_json::Value;

use crate::account::Account;
use crate::domain::cookies::CookieSettings;
use crate::domain::session::{Body, Field, Slot};
use crate::flow::Flow;

/// Puts a session of this document into the flow's store, that began, got its cookie and was used so
/// long ago, and its cookie into the request.
pub async fn give(
    (flow, account): (&Flow, &Account),
    head: &mut RequestHeader,
    (document, ages): (&Value, [Duration; 3]),
    settings: &CookieSettings,
) -> Result<(), String> {
    let mut body = account.base();
    read_body(document, &mut body)?;
    let token = flow.adopt(account, body, ages).await?;
    show(head, &token, settings)
}

/// Has a request show this token, and no other session's.
pub(super) fn show(
    head: &mut RequestHeader,
    token: &str,
    settings: &CookieSettings,
) -> Result<(), String> {
    let own = format!("{}={token}", settings.session);
    let others: Vec<&str> = head
        .headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split("; "))
        .filter(|pair| !pair.starts_with(&format!("{}=", settings.session)))
        .collect();
    let line = std::iter::once(own.as_str())
        .chain(others)
        .collect::<Vec<_>>()
        .join("; ");
    let value = HeaderValue::from_str(&line).map_err(|error| error.to_string())?;
    head.insert_header(COOKIE, value)
        .map_err(|error| error.to_string())
}

/// Takes the `namespaces` of a session document.
fn read_body(document: &Value, body: &mut Body) -> Result<(), String> {
    let Some(namespaces) = document.get("namespaces") else {
        return Ok(());
    };
    let namespaces = namespaces.as_object().ok_or("`namespaces` is no object")?;
    for (namespace, keys) in namespaces {
        let keys = keys
            .as_object()
            .ok_or_else(|| format!("`{namespace}` is no object"))?;
        for (key, wrapper) in keys {
            let name = format!("{namespace}.{key}");
            let field = Field::new(namespace, key).map_err(|error| format!("`{name}`: {error}"))?;
            let value = wrapper
                .get("value")
                .ok_or_else(|| format!("`{name}` is not written {{\"value\": …}}"))?;
            body.put(field, Slot::plain(value.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_becomes_a_body_or_says_what_is_wrong() {
        let mut body = Body::new();
        let document = json!({"namespaces": {"public": {"sc": {"value": "2"}}}});
        assert_eq!(read_body(&document, &mut body), Ok(()));
        assert_eq!(body.text("public.sc"), Some("2"));
        for bad in [
            json!({"namespaces": 1}),
            json!({"namespaces": {"public": []}}),
            json!({"namespaces": {"public": {"sc": "2"}}}),
            json!({"namespaces": {"pub lic": {"sc": {"value": 1}}}}),
        ] {
            assert!(read_body(&bad, &mut Body::new()).is_err(), "{bad}");
        }
    }
}
