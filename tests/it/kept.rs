//! A connection that a browser keeps is answered just as one connection for each request would be.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::support::shopper::PAGE;
use crate::support::{Reply, SCRIPT, Shop, Shopper};

const LOGIN: &str = "VtexIdclientAutCookie_demostore";
const ITEMS: &str = "/api/sessions?items=store.channel,rnb.campaigns,profile.firstName";

/// What a shopper does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Page(&'static str),
    Call(&'static str),
    Patch(&'static str),
    /// The same, while the browser's connection is silent.
    PatchElsewhere(&'static str),
    EndElsewhere,
    LogIn(&'static str),
    LogOut,
    /// A page's script sets a cookie that nobody here reads.
    Tracked(&'static str),
    Wait(u64),
}

use Step::{Call, EndElsewhere, LogIn, LogOut, Page, Patch, PatchElsewhere, Tracked, Wait};

const STEPS: [Step; 24] = [
    Page("/"),
    Page("/"),
    Page("/"),
    Page("/shoes?utm_campaign=blackfriday"),
    Page("/?sc=2"),
    Page("/?sc=4"),
    Page("/account"),
    Page("/static/logo.svg"),
    Page("/poll"),
    Call(ITEMS),
    Call(ITEMS),
    Call(ITEMS),
    Call("/api/sessions?items=*"),
    Call("/api/sessions?items=store.channel&utm_source=newsletter"),
    Call("/api/sessions"),
    Patch(r#"{"public":{"postalCode":{"value":"20040002"},"country":{"value":"BRA"}}}"#),
    PatchElsewhere(r#"{"public":{"sc":{"value":"2"}}}"#),
    PatchElsewhere(r#"{"public":{"sc":{"value":"1"}}}"#),
    EndElsewhere,
    LogIn("ana@example.com"),
    LogOut,
    Tracked("a"),
    Wait(20),
    Wait(1_300),
];

/// One browser in one shop, and everything that it is told.
struct Story {
    shop: Arc<Shop>,
    shopper: Shopper,
    ids: Vec<String>,
    id: Regex,
}

impl Story {
    async fn begin(keeps: bool) -> Self {
        let shop = Shop::start().await;
        let shopper = Shopper::new(&shop);
        Self {
            shopper: if keeps {
                shopper.on_one_connection()
            } else {
                shopper
            },
            shop,
            ids: Vec::new(),
            id: Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap(),
        }
    }

    async fn take(&mut self, step: Step) -> String {
        let asked = self.shop.origin.seen().len();
        let reply = match step {
            Page(target) => Some(self.shopper.send("GET", target, PAGE).await),
            Call(target) => Some(self.shopper.call(("GET", target), SCRIPT, "").await),
            Patch(body) => {
                let call = ("PATCH", "/api/sessions");
                Some(self.shopper.call(call, SCRIPT, body).await)
            }
            PatchElsewhere(body) => Some(self.elsewhere("PATCH", body).await),
            EndElsewhere => Some(self.elsewhere("DELETE", "").await),
            LogIn(email) => {
                let token = self.shop.token(email);
                self.shopper.keep(LOGIN, &token);
                None
            }
            LogOut => {
                self.shopper.forget(LOGIN);
                None
            }
            Tracked(value) => {
                self.shopper.keep("_ga", value);
                None
            }
            Wait(seconds) => {
                self.shop.clock.advance(Duration::from_secs(seconds));
                None
            }
        };
        self.shop.settled().await;
        reply.map_or_else(String::new, |reply| self.tell(&reply, asked))
    }

    async fn elsewhere(&mut self, method: &str, body: &str) -> Reply {
        let by = self.shopper.elsewhere();
        let reply = by
            .call_and_lose((method, "/api/sessions"), SCRIPT, body)
            .await;
        self.shopper.take(&reply);
        reply
    }

    /// What was answered and what the store's server saw, with ids numbered as they came.
    fn tell(&mut self, reply: &Reply, asked: usize) -> String {
        let mut told = format!("{} {}\n", reply.status, reply.body);
        for (name, value) in &reply.headers {
            if name == "set-cookie" {
                // Tokens hold ids: the cookie's name and attributes are what can be compared.
                let (cookie, attributes) = value.split_once("; ").unwrap();
                let cookie = cookie.split_once('=').unwrap().0;
                writeln!(told, "{cookie}; {attributes}").unwrap();
            } else if name == "cache-control" || name == "location" {
                writeln!(told, "{name}: {value}").unwrap();
            }
        }
        for seen in self.shop.origin.seen().iter().skip(asked) {
            let ours = |name: &str| name.starts_with("x-session") || name.starts_with("x-vtex");
            let mut lines: Vec<_> = seen.headers.iter().filter(|(name, _)| ours(name)).collect();
            lines.sort();
            writeln!(
                told,
                "{} {lines:?} {:?}",
                seen.target,
                seen.header("cookie")
            )
            .unwrap();
        }
        self.numbered(&told)
    }

    fn numbered(&mut self, told: &str) -> String {
        let ids = &mut self.ids;
        let number = |found: &regex::Captures<'_>| {
            let at = ids
                .iter()
                .position(|id| *id == found[0])
                .unwrap_or_else(|| {
                    ids.push(found[0].to_owned());
                    ids.len() - 1
                });
            format!("id-{at}")
        };
        self.id.replace_all(told, number).into_owned()
    }
}

/// Without logins: they are drawn for each shop, and travel in the cookie alone.
fn plain(login: &Regex, told: &str) -> String {
    login.replace_all(told, "…").into_owned()
}

/// Numbers that look thrown and are the same in every run.
struct Thrown(u64);

impl Thrown {
    fn step(&mut self) -> Step {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = usize::try_from(self.0 >> 33).unwrap();
        STEPS[at % STEPS.len()]
    }
}

#[tokio::test]
async fn whatever_a_shopper_does_a_kept_connection_changes_no_answer() {
    let login = Regex::new("eyJ[^\";]+").unwrap();
    for seed in 1..=8 {
        let mut kept = Story::begin(true).await;
        let mut fresh = Story::begin(false).await;
        let mut thrown = Thrown(seed);
        let mut done = Vec::new();
        for _ in 0..60 {
            let step = thrown.step();
            done.push(step);
            let (one, other) = (kept.take(step).await, fresh.take(step).await);
            assert_eq!(
                plain(&login, &one),
                plain(&login, &other),
                "seed {seed}, after {done:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_session_that_ends_elsewhere_is_ended_on_a_connection_that_knew_it() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::known(&shop, "ana@example.com").on_one_connection();
    for _ in 0..5 {
        let reply = shopper.call(("GET", ITEMS), SCRIPT, "").await;
        assert_eq!(
            reply.json()["namespaces"]["profile"]["firstName"]["value"],
            "Ana"
        );
    }
    let elsewhere = shopper.elsewhere();
    let ended = elsewhere
        .call_and_lose(("DELETE", "/api/sessions"), SCRIPT, "")
        .await;
    assert_eq!(ended.status, 204);
    let reply = shopper.call(("GET", ITEMS), SCRIPT, "").await;
    assert_eq!(reply.json()["namespaces"].get("profile"), None, "{reply:?}");
}

#[tokio::test]
async fn a_stranger_on_the_same_connection_is_never_taken_for_the_shopper_before() {
    let shop = Shop::start().await;
    let ana = Shopper::known(&shop, "ana@example.com").on_one_connection();
    let mut ana_alone = ana.clone();
    for _ in 0..5 {
        ana_alone.get("/").await;
    }
    let line = ana_alone.line();
    // The same bytes but for one, and the same bytes with something behind them.
    let token = ana_alone.cookie("vtex_session").unwrap().to_owned();
    let mut forged = token.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for cookies in [line.replace(&token, &forged), String::new()] {
        let mut stranger = ana_alone.clone();
        stranger.forget("vtex_session");
        stranger.forget("vtex_segment");
        stranger.forget(LOGIN);
        if !cookies.is_empty() {
            stranger.keep("vtex_session", &forged);
        }
        stranger.get("/").await;
        assert_eq!(shop.origin.last().header("x-session-user-id"), None);
        ana_alone.get("/").await;
        assert!(shop.origin.last().header("x-session-user-id").is_some());
    }
}
