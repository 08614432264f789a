//! A request as the readers see it, with whatever headers and query a target gives it.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;
use vestibule::domain::request::{NormalPath, RequestView};

/// The host that all requests are for.
const HOST: &str = "shop.example";

/// Calls `with` with a request of these headers and this query.
pub(crate) fn with_request<T>(
    headers: &HeaderMap,
    query: Option<&str>,
    insecure_cookies: bool,
    with: impl FnOnce(&RequestView<'_>) -> T,
) -> T {
    let path = NormalPath::read("/p").expect("a plain path");
    with(&RequestView {
        method: "GET",
        path: &path,
        query,
        host: HOST,
        headers,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: !insecure_cookies,
        insecure_cookies,
        trace: None,
    })
}
