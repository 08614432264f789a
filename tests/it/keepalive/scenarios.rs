//! The seed's two scenarios, for its back office (one page that stays open) and its storefront (page
//! after page), in a browser with its own cookies and the time of the day; a session that nobody uses
//! for ten seconds ends.

use serde_json::json;

use crate::support::Demo;
use crate::support::chromium::Browser;

const SHORT: &[&str] = &["--lifetime", "20s", "--refresh-before-end", "10s"];
const HEARS: &str = "window.told = [];
    for (const what of ['refreshed', 'expired']) {
        addEventListener('vestibule:' + what, () => told.push(what));
    }";

struct Scene {
    browser: Browser,
    _demo: Demo,
}

impl Scene {
    /// Somebody logs in.
    async fn begin() -> Self {
        Self::begin_with("").await
    }

    /// The same where each page runs a script first.
    async fn begin_with(script: &str) -> Self {
        let demo = Demo::start_with(SHORT).await;
        let mut browser = Browser::open(demo.port).await;
        browser.before_pages(&format!("{HEARS}{script}")).await;
        browser.go("/").await;
        browser.click("Ana Lima").await;
        Self {
            browser,
            _demo: demo,
        }
    }

    async fn session(&mut self) -> String {
        let row = "document.querySelector('[data-header=\"x-session-id\"]').dataset.value";
        let value = self.browser.run(row).await;
        value.as_str().expect("a session").to_owned()
    }

    /// The cookie as the browser keeps it.
    async fn cookie(&mut self) -> String {
        let cookies = self.browser.cookies().await;
        let cookie = cookies.iter().find(|one| one["name"] == "vtex_session");
        cookie.expect("it is kept")["value"].to_string()
    }

    /// Waits until this page is so old.
    async fn until_page_is(&mut self, seconds: u32) {
        let old = format!("performance.now() >= {seconds} * 1000");
        self.browser.until(&old).await;
    }

    /// The session has ended, and whoever does something is sent to the login.
    async fn ends_at_the_login(mut self) {
        self.browser.click("My account").await;
        let address = self.browser.address().await;
        assert_eq!(address, "/login?return_to=/account");
        assert_eq!(self.browser.strangers(), [""; 0]);
        assert_eq!(self.browser.complaints(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_office_one_open_page_keeps_whoever_works_at_it_and_nobody_else() {
    let mut scene = Scene::begin().await;
    let (session, cookie) = (scene.session().await, scene.cookie().await);
    for seconds in [3, 6, 9, 12] {
        scene.until_page_is(seconds).await;
        scene.browser.press_key().await;
    }
    // Longer than the idle limit, and no page was loaded.
    scene
        .browser
        .until("told.filter((what) => what === 'refreshed').length >= 3")
        .await;
    scene.until_page_is(13).await;
    scene.browser.go("/").await;
    assert_eq!(scene.session().await, session);
    assert_ne!(scene.cookie().await, cookie, "issued again in between");
    scene.browser.until("told.includes('expired')").await;
    scene.ends_at_the_login().await;
}

/// What a page notices of being frozen.
const FREEZES: &str = "window.states = [];
    for (const state of ['freeze', 'resume']) {
        document.addEventListener(state, () => states.push(state));
    }";

/// A scene whose page is frozen at a second and wakes at another one, as the tabs of somebody who has
/// many do. It wakes because somebody looks at it.
async fn frozen(scene: &mut Scene, (from, until): (u32, u32)) {
    let browser = &mut scene.browser;
    let old = format!("performance.now() >= {from} * 1000");
    browser.until(&old).await;
    let began = browser.run("performance.timeOrigin").await;
    // A tab that is always in front is never frozen.
    let front = async |browser: &mut Browser, enabled: bool| {
        let method = "Emulation.setFocusEmulationEnabled";
        browser.command(method, json!({"enabled": enabled})).await;
    };
    let lives = async |browser: &mut Browser, state: &str| {
        let method = "Page.setWebLifecycleState";
        browser.command(method, json!({"state": state})).await;
    };
    front(browser, false).await;
    lives(browser, "frozen").await;
    // In a frozen page no time can be waited for.
    browser.open_tab().await;
    let since = format!("Date.now() - {began} >= {until} * 1000");
    browser.until(&since).await;
    browser.speak_to(0);
    lives(browser, "active").await;
    front(browser, true).await;
    browser.until("states.length === 2").await;
    assert_eq!(browser.run("states").await, json!(["freeze", "resume"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_tab_that_sleeps_past_the_end_says_so_when_it_wakes() {
    let mut scene = Scene::begin_with(FREEZES).await;
    scene.until_page_is(1).await;
    scene.browser.press_key().await;
    frozen(&mut scene, (2, 14)).await;
    scene.browser.until("told.includes('expired')").await;
    let told = scene.browser.run("told").await;
    assert_eq!(
        told.as_array()
            .unwrap()
            .iter()
            .filter(|one| *one == "expired")
            .count(),
        1
    );
    scene.ends_at_the_login().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_tab_that_wakes_in_time_goes_on_with_the_session() {
    let mut scene = Scene::begin_with(FREEZES).await;
    let session = scene.session().await;
    scene.until_page_is(2).await;
    scene.browser.press_key().await;
    // Its time to tell of that key, half of ten seconds before the end, goes by meanwhile.
    frozen(&mut scene, (3, 6)).await;
    scene
        .browser
        .until("told.filter((what) => what === 'refreshed').length >= 2")
        .await;
    // Longer than ten seconds after the key; whoever looked at the tab is there.
    scene.until_page_is(13).await;
    let told = scene.browser.run("told").await;
    assert!(!told.to_string().contains("expired"), "{told}");
    scene.browser.go("/").await;
    assert_eq!(scene.session().await, session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storefront_page_after_page_keeps_the_session_and_a_pause_ends_it() {
    let mut scene = Scene::begin().await;
    let (session, cookie) = (scene.session().await, scene.cookie().await);
    for _ in 0..3 {
        scene.until_page_is(5).await;
        scene.browser.go("/").await;
        assert_eq!(scene.session().await, session);
    }
    assert_ne!(scene.cookie().await, cookie, "issued again in its window");
    scene.browser.until("told.includes('expired')").await;
    scene.ends_at_the_login().await;
}
