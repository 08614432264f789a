//! The script as it is served, and as it is kept.

use std::path::Path;
use std::process::Command;

use crate::support::{Shop, Shopper};

const SCRIPT: &str = "/_session/keepalive.js";

#[tokio::test]
async fn the_script_is_small_cacheable_and_the_same_for_everybody() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    let reply = shopper.send("GET", SCRIPT, &[]).await;
    assert_eq!(reply.status, 200);
    let length = reply.header("content-length").unwrap();
    assert_eq!(length, reply.body.len().to_string());
    assert!(reply.body.len() < 3 * 1024, "{length}");
    for (name, value) in [
        ("content-type", Some("text/javascript; charset=utf-8")),
        ("cache-control", Some("public, max-age=3600")),
        ("x-content-type-options", Some("nosniff")),
        ("vary", None),
        ("set-cookie", None),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    let tag = reply.header("etag").unwrap();
    let again = shopper.send("GET", SCRIPT, &[("if-none-match", tag)]).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(tag));
    let other = shopper
        .send("GET", SCRIPT, &[("if-none-match", "\"x\"")])
        .await;
    assert_eq!(other.status, 200);
    let head = shopper.send("HEAD", SCRIPT, &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(shop.origin.seen().len(), 0, "the store is not asked");
    let below = Shop::two_roots().await;
    let reply = Shopper::new(&below)
        .send("GET", "/br/_session/keepalive.js", &[])
        .await;
    assert_eq!(reply.status, 200);
}

#[test]
fn the_script_that_is_sent_is_the_one_that_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new("scripts/keepalive")
        .arg("-")
        .current_dir(root)
        .output();
    let made = made.unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    let sent = std::fs::read(root.join("src/browser/keepalive.min.js")).unwrap();
    assert!(made.stdout == sent, "`make keepalive` writes it anew");
}
