//! The admin listener: metrics, health, the console's JSON API, and what is kept of a person: told,
//! ended, erased.
//!
//! All but health needs the token, a login by it, or a certificate of an operator; where none of them is
//! configured, a loopback address on both ends.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::edge::Shared;

mod access;
mod api;
mod console;
mod desk;
mod health;
mod history;
mod logins;
mod operator;
mod persons;
mod secured;
mod whose;

pub use access::Access;
pub use desk::{Beside, Desk};
pub use history::{History, STEP};
pub use logins::Link;
pub use secured::Secured;

use secured::{Handshakes, Peer};

/// The admin pages over a running whole, with nothing beside it.
pub fn router(shared: Arc<Shared>, access: Access) -> Router {
    router_of(Desk::new(shared, access))
}

/// The admin pages.
pub fn router_of(desk: Desk) -> Router {
    let add = |router: Router<Desk>, (path, _, ways): api::Way| {
        router.route(path, ways.fallback(api::wrong_method))
    };
    let guarded = Router::new().route("/metrics", get(metrics));
    let guarded = api::guarded().into_iter().fold(guarded, add);
    let authorise = middleware::from_fn_with_state(desk.clone(), api::authorise);
    let open = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready));
    let open = api::open().into_iter().fold(open, add);
    open.merge(guarded.route_layer(authorise))
        .merge(console::router())
        .layer(middleware::from_fn(api::careful))
        .with_state(desk)
}

/// Serves the admin pages to the very end: while requests under way are waited for, whoever asks
/// learns that the process drains. Where another process answers in this one's place, which `handed`
/// tells by then, it is left to that one. With `secured`, it is served over TLS.
pub async fn serve_to_the_end(
    (listener, secured): (TcpListener, Option<Arc<Secured>>),
    router: Router,
    shared: Arc<Shared>,
    (mut stop, handed): (watch::Receiver<bool>, impl Fn() -> bool + Send + 'static),
) -> std::io::Result<()> {
    let telling = Arc::clone(&shared);
    let drains = async move {
        // A sender that is gone means the same as one that says so.
        drop(stop.wait_for(|stop| *stop).await);
        telling.telemetry.state().drains();
        if !handed() {
            std::future::pending::<()>().await;
        }
    };
    let Some(secured) = secured else {
        return axum::serve(listener, router)
            .with_graceful_shutdown(drains)
            .await;
    };
    let listener = Handshakes::at(listener, secured, shared);
    let router = router.into_make_service_with_connect_info::<Peer>();
    axum::serve(listener, router)
        .with_graceful_shutdown(drains)
        .await
}

/// Serves pages until told to stop.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            // A sender that is gone means the same as one that says so.
            drop(stop.wait_for(|stop| *stop).await);
        })
        .await
}

/// Whether an address is one that only this machine can reach.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    shared.telemetry.holds(&shared.flow.census());
    shared.running.load().load.tell();
    let text = shared.telemetry.render();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
