//! Limits and abuse: what is too large, too slow, too often or too much at once, through the whole
//! proxy. What a listener bounds is measured below the proxy; time there is tokio's.

mod frames;
mod heads;
pub(crate) mod load;
mod often;
mod room;
pub(crate) mod served;
mod slow;

use vestibule::admin::{Access, router};

use crate::support::Shop;

/// How often something was turned away for this.
fn shed(shop: &Shop, cause: &str) -> u64 {
    let line = format!("vestibule_shed_total{{cause=\"{cause}\"}} ");
    let metrics = shop.metrics();
    let mut lines = metrics.lines();
    let count = lines.find_map(|one| one.strip_prefix(&line));
    count
        .unwrap_or_else(|| panic!("no {line}"))
        .parse()
        .unwrap()
}

/// What the address for operators answers to a path.
async fn asked(shop: &Shop, path: &str) -> (u16, String) {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt as _;

    let request = http::Request::get(path).header("host", "localhost");
    let request = request.body(Body::empty()).unwrap();
    let router = router(std::sync::Arc::clone(&shop.shared), Access::Loopback);
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
