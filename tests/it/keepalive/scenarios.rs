//! The seed's two scenarios, for its back office (one page that stays open) and its storefront (page
//! after page), in a browser with its own cookies and the time of the day; a session that nobody uses
//! for ten seconds ends.

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
        let demo = Demo::start_with(SHORT).await;
        let mut browser = Browser::open(demo.port).await;
        browser.before_pages(HEARS).await;
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
