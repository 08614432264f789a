//! The built program, running on the shipped example: sources that are killed, that come back, and
//! that show a certificate of another name.

use std::time::Duration;

use vestibule::domain::vtexid::Audience;

use super::program::{AGENT, Example, minted};
use super::{ANA, Elsewhere, SHOPPER, STAFF};
use crate::support::origin::Origin;
use crate::support::program::{Running, ask, free_ports};
use crate::support::tls::{Authority, Door};
use crate::support::vtex::{
    APP_KEY, APP_TOKEN, CAMPAIGNS, CHANNELS, CUSTOMERS, LOGIN_KEYS, LOGIN_SERVICE, PERMISSIONS,
    REGIONS,
};

const BRUNO: (&str, &str) = ("22222222-2222-4222-8222-222222222222", "bruno@example.com");

/// The example, running with a storefront of the test's.
struct Served {
    running: Running,
    port: u16,
    admin_port: u16,
    origin: Origin,
}

impl Served {
    async fn start(example: &Example, over: &[(String, String)]) -> Self {
        let origin = Origin::start().await;
        for _ in 0..5 {
            let [port, admin_port, _] = free_ports();
            let mut command = example.command(&["run"]);
            let account = "VESTIBULE__ACCOUNT__DEMOSTORE";
            command
                .env("VESTIBULE__SERVER__GRACE", "1s")
                .env(
                    "VESTIBULE__LISTENER__MAIN__ADDRESS",
                    format!("127.0.0.1:{port}"),
                )
                .env(
                    "VESTIBULE__ADMIN__ADDRESS",
                    format!("127.0.0.1:{admin_port}"),
                )
                .env(
                    format!("{account}__UPSTREAM__STOREFRONT__ADDRESSES"),
                    format!("[\"{}\"]", origin.address),
                );
            for (name, value) in over {
                command.env(name, value);
            }
            let mut running = Running::begin(command, tempfile::tempdir().unwrap());
            if running.answers(port, admin_port).await {
                return Self {
                    running,
                    port,
                    admin_port,
                    origin,
                };
            }
            assert!(running.log().contains("cannot listen"), "{}", running.log());
        }
        panic!("no free ports");
    }

    /// A page for a visitor.
    async fn page(&self, visitor: &mut Visitor, target: &str) {
        let cookies: Vec<&str> = [&visitor.login, &visitor.session]
            .into_iter()
            .filter_map(Option::as_deref)
            .collect();
        let cookies = match cookies.join("; ") {
            none if none.is_empty() => none,
            some => format!("Cookie: {some}\r\n"),
        };
        let wire = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{cookies}\r\n");
        let reply = ask(self.port, &wire).await.expect("an answer");
        assert_eq!(reply.status, 200, "{target}\n{}", self.running.log());
        if let Some(line) = reply.set_cookies("vestibule_session").first() {
            let pair = line.split(';').next().unwrap();
            visitor.session = Some(pair.to_owned());
        }
    }

    fn got(&self, name: &str) -> Option<String> {
        self.origin.last().header(name).map(str::to_owned)
    }

    /// Comes again and again until a header says so: by the program's own time, which no test moves.
    async fn comes_until(&self, visitor: &mut Visitor, (header, value): (&str, &str)) {
        let mut visits = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..600 {
            visits.tick().await;
            self.page(visitor, "/").await;
            if self.got(header).as_deref() == Some(value) {
                return;
            }
        }
        let (log, metrics) = (self.running.log(), self.metrics().await);
        panic!("{header} is never {value}\n{log}\n{metrics}");
    }

    async fn metrics(&self) -> String {
        let wire = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let reply = ask(self.admin_port, wire).await.expect("metrics");
        reply.body
    }
}

/// Cookies of a visitor: of their login, and of their session.
#[derive(Debug, Default)]
struct Visitor {
    login: Option<String>,
    session: Option<String>,
}

impl Visitor {
    fn with(cookie: &str, token: &str) -> Self {
        Self {
            login: Some(format!("{cookie}={token}")),
            session: None,
        }
    }
}

/// What Ana's page gets.
const HERS: [(&str, &str); 6] = [
    ("x-session-authenticated", "true"),
    ("x-session-user-email", "ana@example.com"),
    ("x-session-price-tables", "gold"),
    ("x-session-channel", "3"),
    ("x-session-campaigns", "black-friday,rio"),
    ("x-session-region", "v2.RIO"),
];

#[tokio::test]
async fn the_shipped_example_resolves_ana_goes_on_without_sources_and_catches_up_by_itself() {
    let example = Example::new().await;
    let mut served = Served::start(&example, &[]).await;
    let token = example.login();
    let mut ana = Visitor::with(SHOPPER, &token);
    let target = "/?sc=3&utm_campaign=blackfriday&country=BRA&postalCode=20040002";
    served.page(&mut ana, target).await;
    for (header, value) in HERS {
        assert_eq!(served.got(header).as_deref(), Some(value), "{header}");
    }
    let calls = example.platform.all_calls().join(" ");
    assert_eq!(
        calls,
        "campaigns channels channels customers login_service regions"
    );

    example.platform.kill().await;
    served.page(&mut ana, "/?gclid=1").await;
    for (header, value) in HERS {
        let got = served.got(header);
        assert_eq!(got.as_deref(), Some(value), "{header} without sources");
    }
    // A place that nobody has asked for yet, and a login that nobody has verified.
    let bruno = example.login_of(BRUNO, Audience::Webstore);
    let mut new = Visitor::with(SHOPPER, &bruno);
    let place = "/?country=BRA&geoCoordinates=-43.2,-22.9";
    served.page(&mut new, place).await;
    for (header, value) in [
        ("x-session-authenticated", Some("false")),
        ("x-session-channel", Some("1")),
        ("x-session-user-id", None),
        ("x-session-region", None),
    ] {
        let got = served.got(header);
        assert_eq!(got.as_deref(), value, "{header} of a new visitor");
    }

    example.platform.revive().await;
    for caught_up in [
        ("x-session-region", "v2.POINT"),
        ("x-session-user-email", BRUNO.1),
    ] {
        served.comes_until(&mut new, caught_up).await;
    }
    assert!(served.running.stop().await.success());
    example.platform.all_calls();
    let log = served.running.log();
    for secret in [APP_KEY, APP_TOKEN, &token, ANA.1, &bruno, BRUNO.1] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_shipped_example_starts_in_front_of_a_dead_platform_and_catches_up_by_itself() {
    let example = Example::new().await;
    example.platform.kill().await;
    let served = Served::start(&example, &[]).await;
    let mut visitor = Visitor::default();
    served.page(&mut visitor, "/?utm_source=newsletter").await;
    for (header, value) in [
        ("x-session-authenticated", Some("false")),
        ("x-session-channel", None),
        ("x-session-campaigns", None),
    ] {
        assert_eq!(served.got(header).as_deref(), value, "{header}");
    }
    example.platform.revive().await;
    served
        .comes_until(&mut visitor, ("x-session-channel", "1"))
        .await;
    served
        .comes_until(&mut visitor, ("x-session-campaigns", "newsletter"))
        .await;
    example.platform.all_calls();
}

/// What the example needs to be told to call everything by this address, with the keys of one login in
/// a file and those of another at the address.
fn by_address(example: &Example, url: &str, here: &Elsewhere) -> Vec<(String, String)> {
    let folder = example.folder.path();
    let file = folder.join("jwks.json");
    std::fs::write(&file, here.0.public_jwks()).unwrap();
    let name = |key: &str| format!("VESTIBULE__ACCOUNT__DEMOSTORE__{key}");
    let authority = folder.join("ca.pem").display().to_string();
    vec![
        (name("DIRECTORY__VTEX__ADDRESS"), url.to_owned()),
        (name("AUTHENTICATION__VALIDATE_URL"), url.to_owned()),
        (name("AUTHENTICATION__JWKS_URL"), format!("{url}/jwks.json")),
        (name("AUTHENTICATION__JWKS"), format!("[{file:?}]")),
        ("SSL_CERT_FILE".to_owned(), authority),
    ]
}

async fn nothing_was_answered(served: &Served) {
    let metrics = served.metrics().await;
    for source in [
        CHANNELS,
        CUSTOMERS,
        CAMPAIGNS,
        REGIONS,
        PERMISSIONS,
        LOGIN_KEYS,
        LOGIN_SERVICE,
    ] {
        for (outcome, some) in [("unavailable", true), ("answered", false)] {
            let counted = format!(
                r#"vestibule_source_calls_total{{account="demostore",outcome="{outcome}",source="{source}"}}"#
            );
            let line = metrics.lines().find_map(|line| line.strip_prefix(&counted));
            let line = line.map(|count| count.trim() != "0");
            assert_eq!(line, Some(some), "{counted}\n{metrics}");
        }
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_costs_no_page_and_the_right_one_needs_no_restart() {
    let example = Example::new().await;
    let authority = Authority::new(example.folder.path());
    let [wrong, right] = ["elsewhere.example", "localhost"].map(|name| authority.vouches_for(name));
    let door = Door::before(example.platform.address, wrong).await;
    let url = format!("https://localhost:{}", door.port);
    let [here, published] = [(); 2].map(|()| Elsewhere::new());
    example.platform.publishes(&published.0.public_jwks());
    let over = by_address(&example, &url, &here);
    let mut served = Served::start(&example, &over).await;
    let shopper = |token: &str| Visitor::with(SHOPPER, token);
    let mut visitors = [
        shopper(&minted(&here.0, ANA, Audience::Webstore)),
        Visitor::with(STAFF, &minted(&here.0, AGENT, Audience::Admin)),
        shopper(&minted(&published.0, ANA, Audience::Webstore)),
        shopper(&example.login_of(BRUNO, Audience::Webstore)),
    ];
    let place = "/?country=BRA&postalCode=20040002&utm_source=newsletter";
    let wish = "/?vtex-impersonated-customer-email=bruno@example.com";
    let missing = [
        "channel",
        "campaigns",
        "region",
        "price-tables",
        "impersonator",
    ];
    for (visitor, target) in visitors.iter_mut().zip([place, wish, "/", "/"]) {
        served.page(visitor, target).await;
        for part in missing {
            assert_eq!(served.got(&format!("x-session-{part}")), None, "{part}");
        }
    }
    nothing_was_answered(&served).await;
    let calls = example.platform.all_calls();
    assert_eq!(calls, [""; 0], "nothing was told to a stranger");
    let log = served.running.log();
    assert!(log.contains("ertificate not valid for name"), "{log}");

    door.shows(right);
    let [ana, agent, by_address, by_service] = [0, 1, 2, 3];
    for (visitor, header, value) in [
        (ana, "x-session-channel", "1"),
        (ana, "x-session-price-tables", "gold"),
        (ana, "x-session-campaigns", "newsletter,rio"),
        (ana, "x-session-region", "v2.RIO"),
        (agent, "x-session-impersonator", AGENT.1),
        (agent, "x-session-user-email", BRUNO.1),
        (by_address, "x-session-user-email", ANA.1),
        (by_service, "x-session-user-email", BRUNO.1),
    ] {
        let visitor = &mut visitors[visitor];
        served.comes_until(visitor, (header, value)).await;
    }
    assert!(served.running.stop().await.success());
    example.platform.all_calls();
    assert!(!served.running.log().contains("panicked"));
}
