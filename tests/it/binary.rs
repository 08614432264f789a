//! The story of the demo by HTTP, against the built program on real sockets.

use std::collections::BTreeSet;

use crate::support::program::{ask, free_ports, run, run_demo_configuration};
use crate::support::{Client, Demo};

const ANA: &str = "11111111-1111-4111-8111-111111111111";

#[tokio::test]
async fn a_campaign_link_into_a_channel_sets_both_cookies_and_the_storefront_knows() {
    let demo = Demo::start().await;
    let mut client = Client::of(&demo);
    let reply = client.get("/?sc=2&utm_campaign=blackfriday").await;
    assert_eq!(reply.status, 200);
    for name in ["vtex_session", "vtex_segment"] {
        let lines = reply.set_cookies(name);
        assert_eq!(lines.len(), 1, "{name}: {reply:?}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=3600"] {
            assert!(lines[0].contains(attribute), "{attribute}: {lines:?}");
        }
        // The demo is served by http:// alone.
        assert!(!lines[0].contains("Secure"), "{lines:?}");
    }
    assert!(reply.header("cache-control").unwrap().contains("private"));
    let first = client.echo().await;
    first.says(&[
        ("x-session-channel", Some("2")),
        ("x-session-currency", Some("BRL")),
        ("x-session-country", Some("BRA")),
        ("x-session-culture", Some("pt-BR")),
        ("x-session-campaigns", Some("black-friday")),
        ("x-session-authenticated", Some("false")),
        ("x-vtex-account", Some("demostore")),
        ("x-session-user-id", None),
        // What the session app of the store says.
        ("x-session-perks-level", Some("guest")),
    ]);
    let reply = client.get("/").await;
    assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
    assert!(reply.body.contains("banner-black-friday"));
    assert!(
        reply
            .body
            .contains("Free delivery on everything this week.")
    );
    assert_eq!(client.echo().await.session(), first.session());
}

#[tokio::test]
async fn a_forged_header_of_ours_never_arrives_in_any_spelling() {
    let demo = Demo::start().await;
    let mut client = Client::of(&demo);
    for forged in [
        "X_Session_Channel",
        "x-session-channel",
        "X.Session.Channel",
    ] {
        let echo = client.echo_with(&[(forged, "3"), ("x-mine", "kept")]).await;
        echo.says(&[("x-session-channel", Some("1")), ("x-mine", Some("kept"))]);
        let others: Vec<&str> = echo
            .names()
            .into_iter()
            .filter(|name| name.replace(['_', '.'], "-") == "x-session-channel")
            .collect();
        assert_eq!(others, ["x-session-channel"], "{forged}");
    }
    let metrics = metrics(&demo).await;
    assert!(metrics.contains("spoofed"), "{metrics}");
}

#[tokio::test]
async fn a_channel_is_refused_by_who_asks() {
    let demo = Demo::start().await;
    let mut client = Client::of(&demo);
    for channel in ["3", "4"] {
        let refused = client.get(&format!("/?sc={channel}")).await;
        assert_eq!(refused.status, 401, "channel {channel} to a stranger");
        assert!(
            refused.body.contains(r#"href="/""#),
            "a way back: {}",
            refused.body
        );
    }
    client.log_in("bruno@example.com").await;
    for channel in ["3", "4"] {
        let refused = client.get(&format!("/?sc={channel}")).await;
        assert_eq!(refused.status, 403, "channel {channel} to Bruno");
    }
    client.echo().await.says(&[
        ("x-session-channel", Some("1")),
        ("x-session-price-tables", None),
        ("x-session-user-email", Some("bruno@example.com")),
    ]);
    client.log_in("ana@example.com").await;
    assert_eq!(client.get("/?sc=3").await.status, 200);
    client.echo().await.says(&[
        ("x-session-channel", Some("3")),
        ("x-session-price-tables", Some("gold")),
        ("x-session-user-email", Some("ana@example.com")),
    ]);
}

#[tokio::test]
async fn a_login_gives_a_new_session_and_keeps_the_campaign_and_a_logout_ends_it() {
    let demo = Demo::start().await;
    let mut client = Client::of(&demo);
    client.get("/?utm_campaign=blackfriday").await;
    let stranger = client.echo().await.session();
    client.log_in("ana@example.com").await;
    let known = client.echo().await;
    assert_ne!(known.session(), stranger);
    known.says(&[
        ("x-session-authenticated", Some("true")),
        ("x-session-user-id", Some(ANA)),
        ("x-session-campaigns", Some("black-friday,vip")),
        ("x-session-price-tables", Some("gold")),
        ("x-session-perks-level", Some("gold")),
    ]);
    let before = client.clone();
    assert_eq!(client.post("/logout", &[]).await.status, 303);
    let left = client.echo().await;
    assert_ne!(left.session(), known.session());
    let nobody = [
        ("x-session-authenticated", Some("false")),
        ("x-session-user-id", None),
        ("x-session-price-tables", None),
        ("x-session-campaigns", Some("black-friday")),
        ("x-session-perks-level", Some("guest")),
    ];
    left.says(&nobody);
    // Whoever kept the cookies of the ended login is nobody either.
    let mut thief = before;
    let stolen = thief.echo().await;
    assert_eq!(stolen.header("x-session-user-id"), None);
    assert_ne!(stolen.header("x-session-authenticated"), Some("true"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_parallel_requests_right_after_a_login_all_end_logged_in() {
    let demo = Demo::start().await;
    let mut client = Client::of(&demo);
    client.get("/").await;
    client.log_in("ana@example.com").await;
    let mut running = Vec::new();
    for _ in 0..10 {
        let mut one = client.clone();
        running.push(tokio::spawn(async move {
            let first = one.echo().await.session();
            let after = one.echo().await;
            after.says(&[("x-session-user-id", Some(ANA))]);
            (first, after.session())
        }));
    }
    let mut sessions = BTreeSet::new();
    for one in running {
        let (first, after) = one.await.unwrap();
        sessions.extend([first, after]);
    }
    assert_eq!(sessions.len(), 1, "all of them in one session");
}

#[tokio::test]
async fn staff_acts_as_a_customer_with_the_permission_alone() {
    let demo = Demo::start().await;
    for (email, may) in [
        ("agent@demostore.example", true),
        ("clerk@demostore.example", false),
    ] {
        let mut client = Client::of(&demo);
        client.get("/").await;
        client.log_in(email).await;
        client.echo().await.says(&[
            ("x-session-staff-email", Some(email)),
            (
                "x-session-can-impersonate",
                Some(if may { "true" } else { "false" }),
            ),
            ("x-session-authenticated", Some("false")),
        ]);
        let reply = client
            .post("/impersonate", &[("email", "ana@example.com")])
            .await;
        assert_eq!(reply.status, 303);
        let acting = [
            ("x-session-impersonator", Some(email)),
            ("x-session-user-id", Some(ANA)),
            ("x-session-price-tables", Some("gold")),
        ];
        let not = acting.map(|(name, _)| (name, None));
        client.echo().await.says(if may { &acting } else { &not });
        let reply = client.post("/impersonate", &[("email", "")]).await;
        assert_eq!(reply.status, 303);
        client.echo().await.says(&not);
        client
            .echo()
            .await
            .says(&[("x-session-staff-email", Some(email))]);
    }
}

#[tokio::test]
async fn a_page_for_shoppers_leads_to_the_login_and_back() {
    let demo = Demo::start().await;
    let mut client = Client::of(&demo);
    let reply = client.get("/account").await;
    assert_eq!(reply.status, 303);
    assert_eq!(reply.header("location"), Some("/login?return_to=/account"));
    let asked = client
        .send("GET", "/account", &[("accept", "application/json")])
        .await;
    assert_eq!(asked.status, 401);
    assert!(
        client
            .get("/login?return_to=/account")
            .await
            .body
            .contains(r#"value="/account""#)
    );
    let fields = [("email", "ana@example.com"), ("return_to", "/account")];
    let reply = client.post("/login", &fields).await;
    assert_eq!(reply.header("location"), Some("/account"));
    let page = client.get("/account").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Ana Lima") && page.body.contains(ANA));
    assert!(page.header("cache-control").unwrap().contains("private"));
}

#[tokio::test]
async fn what_needs_no_session_gets_none() {
    let demo = Demo::start().await;
    let mut client = Client::of(&demo);
    for path in ["/static/demo.css", "/healthz"] {
        let reply = client.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.all("set-cookie").is_empty(), "{path}: {reply:?}");
    }
    let crawler = [("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")];
    let echo = client.echo_with(&crawler).await;
    echo.says(&[("x-session-id", None), ("x-session-channel", Some("1"))]);
    assert_eq!(client.cookie("vtex_session"), None);
}

#[tokio::test]
async fn operators_read_metrics_and_health() {
    let demo = Demo::start().await;
    Client::of(&demo).get("/").await;
    assert!(metrics(&demo).await.contains("vestibule_"));
    for (path, said) in [
        ("/health/live", r#"{"live":true}"#),
        ("/health/ready", r#"{"ready":true,"reasons":[]}"#),
    ] {
        let reply = admin(&demo, path, "127.0.0.1").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, said), "{path}");
    }
    assert_eq!(
        admin(&demo, "/metrics", "rebound.example").await.status,
        401
    );
    // Shoppers do not reach any of it.
    assert_eq!(Client::of(&demo).get("/metrics").await.status, 404);
}

#[tokio::test]
async fn an_unknown_host_is_misdirected() {
    let demo = Demo::start().await;
    let wire = "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n";
    assert_eq!(ask(demo.port, wire).await.unwrap().status, 421);
}

#[tokio::test]
async fn a_taken_port_is_told_and_ends_with_2() {
    let demo = Demo::start().await;
    let [free, other, _] = free_ports();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let taken = [
        [demo.port, free, other],
        [free, demo.storefront_port, other],
        [free, other, demo.admin_port],
    ];
    for (at, ports) in taken.into_iter().enumerate() {
        let [port, storefront, admin] = ports.map(|port| port.to_string());
        let said = run(&[
            "demo",
            "--port",
            &port,
            "--storefront-port",
            &storefront,
            "--admin-port",
            &admin,
            "--data",
            data,
        ]);
        assert_eq!(said.code, 2, "{said:?}");
        let expected = format!("vestibule: cannot listen on 127.0.0.1:{}", ports[at]);
        assert!(said.err.contains(&expected), "{said:?}");
        assert!(said.err.contains("in use"), "{said:?}");
    }
    let taken = demo.port.to_string();
    let said = run(&["demo", "--perks-port", &taken, "--data", data]);
    assert_eq!(said.code, 2, "{said:?}");
    let expected = format!("vestibule: cannot listen on 127.0.0.1:{taken}");
    assert!(said.err.contains(&expected), "{said:?}");
}

#[tokio::test]
async fn told_to_stop_it_ends_well_and_its_log_holds_no_secret() {
    let mut demo = Demo::start().await;
    let mut client = Client::of(&demo);
    client.get("/?utm_campaign=blackfriday").await;
    client.log_in("ana@example.com").await;
    client.get("/account").await;
    let login = client.cookie("VtexIdclientAutCookie_demostore").unwrap();
    let session = client.cookie("vtex_session").unwrap();
    assert!(demo.stop().await.success(), "{}", demo.log());
    let log = demo.log();
    for secret in [login, session, "ana@example.com"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    for file in ["keys.json", "login.json"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(demo.data().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_configuration_is_served_with_the_keys_that_are_made_at_start() {
    let (mut running, folder, port) = run_demo_configuration().await;
    // No storefront is there: the proxy says so itself.
    let wire = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
    let reply = ask(port, wire).await.unwrap();
    assert_eq!(reply.status, 502, "{reply:?}");
    assert!(reply.body.contains("cannot be reached"), "{reply:?}");
    for name in ["keys/keys.json", "keys/login.json"] {
        assert!(folder.join(name).exists(), "{name}");
    }
    assert!(running.stop().await.success(), "{}", running.log());
}

async fn admin(demo: &Demo, path: &str, host: &str) -> crate::support::Reply {
    let wire = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}:{}\r\n\r\n",
        demo.admin_port
    );
    ask(demo.admin_port, &wire)
        .await
        .expect("the admin listener answers")
}

async fn metrics(demo: &Demo) -> String {
    let reply = admin(demo, "/metrics", "127.0.0.1").await;
    assert_eq!(reply.status, 200);
    reply.body
}
