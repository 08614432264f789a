//! The demo's story as a person lives it: in a real browser, by links and buttons.

use crate::support::Demo;
use crate::support::chromium::Browser;

/// A tab on the demo's shop.
struct Visit {
    browser: Browser,
    _demo: Demo,
}

impl Visit {
    async fn begin() -> Self {
        let demo = Demo::start().await;
        Self {
            browser: Browser::open(demo.port).await,
            _demo: demo,
        }
    }

    /// What the page says that the shop received in a header.
    async fn header(&mut self, name: &str) -> Option<String> {
        let row = format!("document.querySelector('[data-header=\"{name}\"]')?.dataset.value");
        self.browser.run(&row).await.as_str().map(str::to_owned)
    }

    async fn session(&mut self) -> String {
        let session = self.header("x-session-id").await;
        session.filter(|id| id.len() == 36).expect("a session")
    }

    async fn sees(&mut self, text: &str) -> bool {
        self.browser.page().await.contains(text)
    }

    /// No request left for elsewhere, no script reads a cookie, and the console complained about
    /// these alone: path and status.
    async fn ends_well(mut self, refused: &[(&str, u16)]) {
        assert_eq!(self.browser.run("document.cookie").await, "");
        assert!(
            self.browser.strangers().is_empty(),
            "{:?}",
            self.browser.strangers()
        );
        let told = self.browser.complaints();
        assert_eq!(told.len(), refused.len(), "{told:?}");
        for (said, (path, status)) in told.iter().zip(refused) {
            let expected = format!("{path}: ");
            let status = format!("status of {status} ");
            assert!(
                said.starts_with(&expected) && said.contains(&status),
                "{path} {status} in {told:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_a_login_a_private_channel_a_refusal_and_a_logout() {
    let mut visit = Visit::begin().await;
    visit.browser.go("/?utm_campaign=blackfriday").await;
    assert!(visit.browser.text(".banner-black-friday").await.is_some());
    assert_eq!(visit.browser.text(".price s").await, None, "list prices");
    let stranger = visit.session().await;

    visit.browser.click("Ana Lima").await;
    assert!(visit.sees("Hello, Ana Lima.").await);
    assert!(
        visit.browser.text(".price s").await.is_some(),
        "gold prices"
    );
    assert!(visit.sees("gold takes 10% off").await);
    assert!(visit.browser.text(".banner-black-friday").await.is_some());
    let ana = visit.session().await;
    assert_ne!(ana, stranger);
    assert!(visit.sees("changed since your last page").await);

    visit.browser.click("3 · private").await;
    assert_eq!(
        visit.header("x-session-channel").await.as_deref(),
        Some("3")
    );
    assert_eq!(visit.session().await, ana, "the same session");

    visit.browser.click("4 · closed").await;
    assert!(visit.sees("Forbidden").await);
    assert_eq!(visit.browser.address().await, "/?sc=4");
    visit.browser.click("Back to the store").await;
    assert_eq!(visit.browser.address().await, "/");
    assert!(visit.sees("Hello, Ana Lima.").await);
    assert_eq!(
        visit.header("x-session-channel").await.as_deref(),
        Some("3")
    );

    visit.browser.click("Log out").await;
    assert!(!visit.sees("Hello, Ana Lima.").await);
    assert_eq!(visit.browser.text(".price s").await, None);
    assert_eq!(
        visit.header("x-session-channel").await.as_deref(),
        Some("1")
    );
    assert_ne!(visit.session().await, ana);
    assert!(visit.browser.text(".banner-black-friday").await.is_some());
    visit.ends_well(&[("/?sc=4", 403)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_and_led_through_the_login_to_the_account() {
    let mut visit = Visit::begin().await;
    visit.browser.go("/").await;
    visit.browser.click("3 · private").await;
    assert!(visit.sees("Unauthorized").await);
    visit.browser.click("Back to the store").await;
    visit.browser.click("My account").await;
    assert_eq!(
        visit.browser.address().await,
        "/login?return_to=/account",
        "led to the login"
    );
    visit.browser.click("Bruno Dias").await;
    assert_eq!(visit.browser.address().await, "/account", "and back");
    assert!(visit.sees("bruno@example.com").await);
    // The way back in the browser shows no page of before the login.
    visit.browser.click("Hall & Porch").await;
    assert!(visit.sees("Hello, Bruno Dias.").await);
    visit.ends_well(&[("/?sc=3", 401)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_acts_as_ana_and_stops() {
    let mut visit = Visit::begin().await;
    visit.browser.go("/login").await;
    let agent = "document.querySelector('[value=\"agent@demostore.example\"] strong').innerText";
    let agent = visit.browser.run(agent).await;
    let agent = agent.as_str().unwrap().to_owned();
    visit.browser.click(&agent).await;
    let impersonate = "form[action='/impersonate']";
    visit.browser.click_in(impersonate, "Ana Lima").await;
    assert!(visit.sees("Hello, Ana Lima.").await);
    assert!(visit.sees("is acting as Ana Lima").await);
    let acting = visit.header("x-session-impersonator").await;
    assert_eq!(acting.as_deref(), Some("agent@demostore.example"));
    assert!(
        visit.browser.text(".price s").await.is_some(),
        "gold prices"
    );
    visit.browser.click_in(impersonate, "Stop").await;
    assert!(!visit.sees("Hello, Ana Lima.").await);
    assert_eq!(
        visit
            .header("x-session-impersonator")
            .await
            .filter(|it| !it.is_empty()),
        None
    );
    visit.ends_well(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_counts_down_and_polls() {
    let mut visit = Visit::begin().await;
    visit.browser.go("/").await;
    let left = visit.browser.text("[data-left]").await.unwrap();
    assert!(left.starts_with("24:") || left == "25:00", "{left}");
    visit
        .browser
        .until("document.querySelector('[data-formula]').textContent.includes('+')")
        .await;
    visit.browser.press("Poll every 2 s").await;
    visit
        .browser
        .until("document.querySelector('[data-poll-says]').textContent.includes('Poll 1,')")
        .await;
    assert!(visit.sees("the session is there, anonymous").await);
    visit.ends_well(&[]).await;
}
