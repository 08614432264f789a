//! The same server by other makers: whatever make the others run on, Valkey 9 is one more.

use crate::support::valkey::Server;
use crate::support::{SCRIPT, Shopper};

use super::twins;

#[tokio::test]
async fn on_valkey_9_two_instances_are_one_to_a_shopper() {
    let server = Server::of_valkey_9();
    let about = server.text(&["INFO", "server"]);
    assert!(about.contains("valkey_version:9."), "{about}");
    let (here, there) = twins(&server).await;
    let mut shopper = Shopper::known(&here, "ana@example.com");
    shopper.get("/").await;
    let user = here
        .origin
        .last()
        .header("x-session-user-id")
        .map(str::to_owned);
    assert!(user.is_some());
    let body = r#"{"public":{"size":{"value":"m"}}}"#;
    let reply = shopper.call(("POST", "/api/sessions"), SCRIPT, body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut elsewhere = Shopper::with_jar(&there, shopper.clone().into_jar());
    assert_eq!(
        elsewhere.read("public.size").await["public"]["size"]["value"],
        "m"
    );
    elsewhere.get("/").await;
    let seen = there.origin.last();
    assert_eq!(seen.header("x-session-user-id"), user.as_deref());
    // A logout over there is one here, too.
    let reply = elsewhere
        .call(("DELETE", "/api/sessions"), SCRIPT, "")
        .await;
    assert!([200, 204].contains(&reply.status), "{reply:?}");
    shopper.get("/").await;
    assert_eq!(here.origin.last().header("x-session-user-id"), None);
}
