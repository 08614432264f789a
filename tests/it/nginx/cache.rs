//! nginx on both sides: as the store's server, and as the cache that operators put in front.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Nginx, serving};
use crate::support::clock::at;
use crate::support::program::ask;
use crate::support::street::plain;
use crate::support::{Reply, Shop, Street};

/// What a browser has of the shop.
type Jar = BTreeMap<String, String>;

/// A store whose pages show the channel and the session that they are for, and two ways to them
/// through a cache: one that tells segments apart by their cookie, and one that goes by the address
/// alone.
fn store_and_cache(folder: &Path, [store, front, _]: [u16; 3], proxy: u16) -> String {
    let through = |place: &str, key: &str| {
        format!(
            "location /{place}/ {{\n\
               proxy_pass http://127.0.0.1:{proxy}/;\nproxy_http_version 1.1;\n\
               proxy_set_header Host shop.example;\nproxy_set_header Connection \"\";\n\
               proxy_cache kept;\nproxy_cache_key \"{place} {key}\";\n\
               add_header X-Cache $upstream_cache_status always;\n\
             }}\n"
        )
    };
    let shown = "\"$http_x_session_channel $http_x_session_id $http_x_session_user_id\"";
    serving(
        folder,
        &format!(
            "proxy_cache_path {folder}/kept keys_zone=kept:1m;\n\
             server {{\n\
               listen 127.0.0.1:{store};\n\
               location / {{ return 200 {shown}; }}\n\
               location /shared/ {{ add_header Cache-Control \"public, max-age=600\"; return 200 {shown}; }}\n\
               location /said/ {{ add_header Cache-Control \"max-age=600\"; add_header X-Accel-Expires 600; return 200 {shown}; }}\n\
             }}\n\
             server {{\nlisten 127.0.0.1:{front};\n{}{}}}\n",
            through("segments", "$uri$is_args$args $cookie_vtex_segment"),
            through("addresses", "$uri$is_args$args"),
            folder = folder.display(),
        ),
    )
}

struct World {
    shop: Arc<Shop>,
    front: u16,
    _nginx: Nginx,
}

impl World {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap().port();
        let nginx = Nginx::with(|folder, ports| store_and_cache(folder, ports, proxy)).await;
        let shop = Shop::with(&format!(
            "[[account.upstream]]\nname = \"store\"\naddresses = [\"127.0.0.1:{}\"]\n",
            nginx.ports[0]
        ))
        .await;
        let street = Arc::new(Street::before(&shop, &plain()));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let street = Arc::clone(&street);
                tokio::spawn(async move {
                    let mut wire = street.connect();
                    drop(tokio::io::copy_bidirectional(&mut socket, &mut wire).await);
                });
            }
        });
        Self {
            shop,
            front: nginx.ports[1],
            _nginx: nginx,
        }
    }

    /// A page through the cache, and what the cache did. What it had kept never sets a cookie.
    async fn get(&self, jar: &mut Jar, target: &str) -> (Reply, &'static str) {
        let pairs = jar.iter().map(|(name, value)| format!("{name}={value}"));
        let line = pairs.collect::<Vec<_>>().join("; ");
        let wire = format!(
            "GET {target} HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\nCookie: {line}\r\n\r\n"
        );
        let reply = ask(self.front, &wire).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.put_cookies(jar);
        let how = match reply.header("x-cache") {
            Some("HIT") => {
                assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
                "kept"
            }
            Some("MISS") => "asked",
            other => panic!("{other:?}: {reply:?}"),
        };
        (reply, how)
    }

    /// A shopper in a channel.
    async fn shopper(&self, channel: u8) -> Jar {
        let mut jar = Jar::new();
        let landing = format!("/segments/?sc={channel}");
        let (reply, _) = self.get(&mut jar, &landing).await;
        assert!(reply.sets_session());
        assert!(reply.body.starts_with(&format!("{channel} ")), "{reply:?}");
        jar
    }
}

#[tokio::test]
async fn a_cache_in_front_that_tells_segments_apart_shows_nobody_the_prices_of_others() {
    let world = World::new().await;
    let mut shoppers = [world.shopper(1).await, world.shopper(2).await];
    for page in ["/segments/shared/page", "/segments/said/page"] {
        for how in ["asked", "kept", "kept"] {
            for (jar, channel) in shoppers.iter_mut().zip(["1 ", "2 "]) {
                let (reply, was) = world.get(jar, page).await;
                assert!(reply.body.starts_with(channel), "{page}: {reply:?}");
                assert_eq!(was, how, "{page}");
            }
        }
    }
    // Another shopper of a segment is shown what is kept for it.
    let mut third = world.shopper(2).await;
    let (reply, how) = world.get(&mut third, "/segments/shared/page").await;
    assert!(reply.body.starts_with("2 "), "{reply:?}");
    assert_eq!(how, "kept");
}

#[tokio::test]
async fn no_cache_in_front_ever_keeps_an_answer_with_a_cookie_or_one_to_somebody_known() {
    let world = World::new().await;
    for page in [
        "/addresses/shared/page",
        "/addresses/said/page",
        "/addresses/page",
    ] {
        // Strangers: each is asked for, and each is given a session of their own.
        let mut sessions = Vec::new();
        for _ in 0..3 {
            let mut jar = Jar::new();
            let (reply, how) = world.get(&mut jar, page).await;
            assert!(reply.sets_session(), "{page}: {reply:?}");
            assert_eq!(how, "asked", "{page}");
            sessions.push(reply.body);
        }
        sessions.sort();
        sessions.dedup();
        assert_eq!(sessions.len(), 3, "{page}: {sessions:?}");
        // Somebody who is known, before and after the answer that sets cookies.
        let mut known = Jar::new();
        let token = world.shop.token("ana@example.com");
        known.insert("VtexIdclientAutCookie_demostore".to_owned(), token);
        for turn in 0..3 {
            let (reply, how) = world.get(&mut known, page).await;
            assert_eq!(how, "asked", "{page}");
            assert_eq!(
                reply.body.split(' ').nth(2).map(str::len),
                Some(36),
                "{reply:?}"
            );
            assert_eq!(reply.sets_session(), turn == 0, "{page}: {reply:?}");
        }
    }
    // A cookie that is due waits while the answer may be kept; once it must go, that is not kept.
    let (mut jar, mut other) = (world.shopper(1).await, world.shopper(1).await);
    world.shop.clock.set(at("20:00"));
    for jar in [&mut jar, &mut other] {
        world.get(jar, "/segments/").await;
    }
    world.shop.clock.set(at("35:00"));
    let page = "/addresses/shared/later";
    for jar in [&mut jar, &mut other] {
        let (reply, how) = world.get(jar, page).await;
        assert_eq!(how, "asked");
        assert!(reply.sets_session(), "{reply:?}");
    }
    let (reply, how) = world.get(&mut jar, page).await;
    assert_eq!((how, reply.sets_session()), ("asked", false), "{reply:?}");
    let (_, how) = world.get(&mut other, page).await;
    assert_eq!(how, "kept");
}
