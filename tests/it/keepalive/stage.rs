//! A shop in a real browser, with time on both sides in the test's hands.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use vestibule::config::values::Listener;
use vestibule::ports::Clock as _;

use crate::support::chromium::Browser;
use crate::support::street::plain;
use crate::support::{Shop, Street};

/// A page of a store, as docs/browser.md has it.
const PAGE: &str = "<!doctype html><html lang=\"en\"><title>A page</title>\
    <link rel=\"icon\" href=\"data:,\"><script src=\"/_session/keepalive.js\" defer></script><p>Here.</p>";
const CLOCK: &str = include_str!("clock.js");
/// What the tabs' turns are called.
const TURN: &str = "vestibule__session_keepalive";

pub(super) struct Stage {
    pub shop: Arc<Shop>,
    pub browser: Browser,
    /// What every page runs before its own scripts.
    before: String,
}

impl Stage {
    pub(super) async fn set() -> Self {
        Self::set_with("").await
    }

    /// The same with a script that runs in each page before its own.
    pub(super) async fn set_with(before: &str) -> Self {
        let shop = Shop::with("hosts = [\"127.0.0.1\"]\n").await;
        shop.origin.says_page("/", PAGE);
        shop.origin.says_page("/poll", PAGE);
        let port = listen(&shop).await;
        Self {
            shop,
            browser: Browser::open(port).await,
            before: before.to_owned(),
        }
    }

    /// Gives the tab that is spoken to its clock, at the present moment.
    async fn prepare(&mut self) {
        let start = self.shop.clock.now().as_millis().to_string();
        let clock = CLOCK.replace("START", &start);
        self.browser
            .before_pages(&format!("{clock}{}", self.before))
            .await;
    }

    /// One more tab, on a page of the store.
    pub(super) async fn another_tab(&mut self) -> usize {
        let tab = self.browser.open_tab().await;
        self.go("/").await;
        tab
    }

    /// Opens a page in this tab at the present moment.
    pub(super) async fn go(&mut self, path: &str) {
        self.prepare().await;
        self.browser.go(path).await;
        self.browser.run("time.pass(0)").await;
    }

    /// Time passes for the server and in every tab, from one timer of theirs to the next; what they
    /// ask is answered before it goes on.
    pub(super) async fn pass(&mut self, span: Duration) {
        let turn = format!("navigator.locks?.request({TURN:?}, () => null)");
        let mut left = u64::try_from(span.as_millis()).unwrap();
        while left > 0 {
            let mut step = left;
            for next in self.in_every_tab("time.next()").await {
                step = step.min(next.as_u64().unwrap_or(left).max(1));
            }
            self.shop.clock.advance(Duration::from_millis(step));
            self.step(&format!("time.pass({step}), {turn}")).await;
            left -= step;
        }
    }

    /// A step in each tab; what one was told is in the storage of all before the next one looks.
    async fn step(&mut self, expression: &str) {
        let said = format!(
            "(() => {{ try {{ return localStorage.getItem({TURN:?}); }} catch {{ return null; }} }})()"
        );
        for tab in 0..self.browser.tabs() {
            self.browser.speak_to(tab);
            let calls = self.calls(200);
            self.browser.run(expression).await;
            if self.calls(200) == calls {
                continue;
            }
            let known = self.browser.run(&said).await;
            for other in 0..self.browser.tabs() {
                self.browser.speak_to(other);
                self.browser.until(&format!("{said} === {known}")).await;
            }
        }
    }

    /// The machine sleeps, and the server does not.
    pub(super) async fn sleep(&mut self, span: Duration) {
        self.shop.clock.advance(span);
        self.in_every_tab(&format!("time.sleep({})", span.as_millis()))
            .await;
    }

    /// The values of an expression in each tab; the last one is spoken to from then on.
    async fn in_every_tab(&mut self, expression: &str) -> Vec<Value> {
        let mut values = Vec::new();
        for tab in 0..self.browser.tabs() {
            self.browser.speak_to(tab);
            values.push(self.browser.run(expression).await);
        }
        values
    }

    /// Waits until this tab has been told so many things, and gives the last of them.
    pub(super) async fn told(&mut self, count: usize) -> (String, Value) {
        self.browser.until(&format!("told.length >= {count}")).await;
        let all = self.all_told().await;
        assert_eq!(all.len(), count, "{all:?}");
        all.last().cloned().expect("there is one")
    }

    /// Everything that this tab has been told.
    pub(super) async fn all_told(&mut self) -> Vec<(String, Value)> {
        let told = self.browser.run("told").await;
        serde_json::from_value(told).unwrap()
    }

    /// Waits until no tab asks anything any more: turns are taken in the order of asking.
    pub(super) async fn quiet(&mut self) {
        let turn = format!("navigator.locks.request({TURN:?}, () => null)");
        self.in_every_tab(&turn).await;
    }

    /// How many reports the server has answered so.
    pub(super) fn calls(&self, status: u16) -> u64 {
        let line = format!(
            "vestibule_api_calls_total{{method=\"POST\",resource=\"/_session/keepalive\",status=\"{status}\"}} "
        );
        let metrics = self.shop.metrics();
        let count = metrics.lines().find_map(|told| told.strip_prefix(&line));
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// The session that the store's server saw last.
    pub(super) fn session(&self) -> Option<String> {
        let pages = self.shop.origin.seen();
        let page = pages.iter().rev().find(|seen| seen.target == "/")?;
        page.header("x-session-id").map(str::to_owned)
    }
}

/// Puts the shop behind a real port.
async fn listen(shop: &Arc<Shop>) -> u16 {
    let listener = Listener {
        insecure_cookies: true,
        ..plain()
    };
    let street = Street::before(shop, &listener);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = socket.accept().await {
            let mut inside = street.connect();
            tokio::spawn(async move { drop(copy_bidirectional(&mut client, &mut inside).await) });
        }
    });
    port
}

pub(super) fn expired(reason: &str) -> (String, Value) {
    ("expired".to_owned(), json!({"reason": reason}))
}
