//! Gives the shopper of an explained request a session, as if they had been here before.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::COOKIE;
use pingora::http::RequestHeader;
use serde_json::Value;

use crate::account::Account;
use crate::domain::session::{Body, Field, Slot};
use crate::edge::Shared;

/// The session that a shopper already has.
pub(super) struct Kept<'a> {
    pub(super) file: &'a Path,
    /// Since it began, since its cookie was issued, since it was used.
    pub(super) ages: [&'a String; 3],
    pub(super) insecure: bool,
}

/// Puts the session into the store and its cookie into the request.
pub(super) async fn give(
    shared: &Arc<Shared>,
    account: &Arc<Account>,
    head: &mut RequestHeader,
    kept: Kept<'_>,
) -> Result<(), String> {
    let said = |problem: &dyn std::fmt::Display| format!("{}: {problem}", kept.file.display());
    let text = std::fs::read_to_string(kept.file).map_err(|error| said(&error))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| said(&error))?;
    let mut body = account.base();
    read_body(&document, &mut body).map_err(|problem| said(&problem))?;
    let mut ages = [Duration::ZERO; 3];
    for (age, text) in ages.iter_mut().zip(kept.ages) {
        *age = humantime::parse_duration(text).map_err(|error| format!("`{text}`: {error}"))?;
    }
    let token = shared.flow.adopt(account, body, ages).await?;
    let cookies = &account.cookies;
    let settings = if kept.insecure {
        &cookies.insecure
    } else {
        &cookies.secure
    };
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
    let value = HeaderValue::from_str(&line).map_err(|error| said(&error))?;
    head.insert_header(COOKIE, value)
        .map_err(|error| said(&error))
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
