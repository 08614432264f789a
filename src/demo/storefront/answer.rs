//! Answers: a page with its caching rule, and the guards that every answer wears.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html as HtmlAnswer, IntoResponse, Response};

use crate::demo::html::Html;

/// Everything comes from this very site, and no script or style stands in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// A page. It tells one shopper what is known of them, so nobody keeps it.
pub(in crate::demo) fn page_answer(status: StatusCode, page: Html) -> Response {
    let caching = [(header::CACHE_CONTROL, "private, no-store")];
    (status, caching, HtmlAnswer(page.into_string())).into_response()
}

/// The guards of every answer.
pub(in crate::demo) async fn secure_headers(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        (response.headers_mut()).insert(name, HeaderValue::from_static(value));
    }
    response
}
