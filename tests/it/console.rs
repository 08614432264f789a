//! The console as an operator uses it: in a real browser, before the running demo.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::time::Instant;

use crate::support::axe;
use crate::support::chromium::Browser;
use crate::support::{Client, Demo};

mod prompt;
mod truth;

/// How long a page may take to say something, in milliseconds, on a busy machine.
const PATIENCE: u32 = 30_000;
const ANA: &str = "ana@example.com";
/// Widths that hold the page: a telephone, a tablet, a desk.
const WIDTHS: [u32; 3] = [360, 768, 1280];

/// A tab on the console, entered by the demo's link.
struct Operator {
    browser: Browser,
    demo: Demo,
}

impl Operator {
    async fn enter() -> Self {
        let demo = Demo::start().await;
        let mut browser = Browser::open(demo.admin_port).await;
        let log = demo.log();
        let (_, link) = log.split_once("/console/enter?once=").expect("a link");
        let (secret, _) = link.split_once('\n').unwrap();
        browser.go(&format!("/console/enter?once={secret}")).await;
        let mut operator = Self { browser, demo };
        operator.sees("Ready for traffic").await;
        assert_eq!(operator.browser.address().await, "/console/#/overview");
        operator
    }

    /// Follows an address within the console.
    async fn turn_to(&mut self, page: &str) {
        let page = format!("location.hash = {:?}; null", format!("#/{page}"));
        self.browser.run(&page).await;
    }

    /// Waits until an expression holds.
    async fn waits(&mut self, expression: &str) {
        let waiting = format!(
            "new Promise((done) => {{
                const since = performance.now();
                const look = () => {{
                    if ({expression}) return done(true);
                    if (performance.now() - since > {PATIENCE}) return done(false);
                    setTimeout(look, 20);
                }};
                look();
            }})"
        );
        let came = self.browser.run(&waiting).await == true;
        assert!(came, "{expression} on:\n{}", self.browser.page().await);
    }

    /// Waits until the page says something.
    async fn sees(&mut self, text: &str) {
        self.waits(&format!("document.body.innerText.includes({text:?})"))
            .await;
    }

    /// Types into a field.
    async fn types(&mut self, field: &str, text: &str) {
        self.waits(&format!("document.querySelector({field:?})"))
            .await;
        let select = format!(
            "(() => {{ const one = document.querySelector({field:?}); one.focus(); one.select(); }})()"
        );
        self.browser.run(&select).await;
        self.browser
            .command("Input.insertText", json!({"text": text}))
            .await;
    }

    /// Presses what a page that comes has.
    async fn presses(&mut self, label: &str) {
        self.sees(label).await;
        self.browser.press(label).await;
    }

    async fn key(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key});
            if kind == "keyDown" && key.len() == 1 {
                event["text"] = json!(key);
            }
            self.browser.command("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Searches for a session.
    async fn finds(&mut self, text: &str) {
        self.turn_to("sessions").await;
        self.types("#find", text).await;
        self.browser.press("Find").await;
    }

    async fn is_as_wide_as(&mut self, width: u32, page: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.browser
            .command("Emulation.setDeviceMetricsOverride", size)
            .await;
        let wide = "document.documentElement.scrollWidth";
        self.waits(&format!("innerWidth === {width}")).await;
        let wide = self.browser.run(wide).await;
        assert!(
            wide.as_u64() <= Some(width.into()),
            "{page}: {wide} of {width}"
        );
    }

    /// Nothing was asked for elsewhere, nothing broke the policy, and nothing failed.
    fn ends_well(self) {
        let strangers = self.browser.strangers();
        assert!(strangers.is_empty(), "{strangers:?}");
        let told = self.browser.complaints();
        assert!(told.is_empty(), "{told:?}");
    }
}

/// An id as the console shortens it.
fn brief(id: &str) -> &str {
    id.split('-').next().unwrap()
}

/// Ana, logged in at the demo's store by a campaign's link.
async fn ana(demo: &Demo) -> (Client, String) {
    let mut ana = Client::of(demo);
    ana.get("/?utm_campaign=blackfriday").await;
    ana.log_in(ANA).await;
    let session = ana.echo().await.session();
    (ana, session)
}

async fn tells_all_causes(operator: &mut Operator, id: &str) {
    // Where several things led to a value, each of them is told.
    let several = "[...document.querySelectorAll('td details')].find(one => / and \\d+ more/.test(one.querySelector('summary').innerText))";
    operator.waits(several).await;
    operator
        .browser
        .run(&format!("{several}.open = true; null"))
        .await;
    operator
        .waits(&format!(
            "{several}.querySelectorAll('.stories > li').length - 1 === Number({several}.querySelector('summary').innerText.match(/ and (\\d+) more/)[1])"
        ))
        .await;
    // The menu leads to the cycles of the session that is looked at.
    operator
        .waits(&format!(
            "document.querySelector('.side [data-page=cycles]').getAttribute('href') === '#/cycles/demostore/{id}'"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_shopper_sees_gold_prices_and_why_she_was_logged_out() {
    let mut operator = Operator::enter().await;
    let (mut ana, id) = ana(&operator.demo).await;
    operator.finds(ANA).await;
    operator.sees("1 session.").await;
    operator.browser.press(brief(&id)).await;
    operator.sees(&format!("Session of {ANA}")).await;
    operator.sees("What this shopper gets, and why").await;
    let cards = "[...document.querySelectorAll('.card')].map(one => one.innerText).join('\\n')";
    let cards = operator.browser.run(cards).await;
    let cards = cards.as_str().unwrap();
    let prices = cards.split_once("Prices\n").expect("a card").1;
    let prices = prices.split_once("Trade policy").expect("the next").0;
    for said in [
        "gold",
        "profile.priceTables is gold: app profile worked it out",
        "round 1",
        "somebody logged in, a request brought the login cookie of the shop",
    ] {
        assert!(prices.contains(said), "{said} not in {prices}");
    }

    tells_all_causes(&mut operator, &id).await;

    operator.presses("Its cycles, round by round").await;
    operator.sees("Cycles of a session").await;
    operator.sees("wrote ").await;
    let round = operator.browser.text(".diagram").await.unwrap();
    for said in ["Round 1", "profile", "because of ", "settled"] {
        assert!(round.contains(said), "{said} not in {round}");
    }

    ana.post("/logout", &[]).await;
    let after = ana.echo().await.session();
    // By her e-mail, and by what an old log line says.
    for find in [ANA, &id] {
        operator.turn_to("overview").await;
        operator.finds(find).await;
        operator.sees("ended by a logout at ").await;
        operator
            .sees(": the browser sent no login cookie any more")
            .await;
        operator
            .sees(&format!("the shopper went on as session {}", brief(&after)))
            .await;
    }
    operator.browser.press(brief(&id)).await;
    operator
        .sees(&format!("A session of {ANA} that ended"))
        .await;
    operator.sees("Why it ended: ended by a logout at ").await;
    operator.sees("It was noticed at the request GET ").await;
    operator.sees("Lasted").await;
    operator.presses("Its last cycles").await;
    operator.sees("A request that said something new").await;
    operator.turn_to(&format!("sessions/demostore/{id}")).await;
    operator.presses("The session after it").await;
    operator.sees("Session of an anonymous shopper").await;
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overview_is_live_the_slowest_app_is_named_and_no_secret_is_shown() {
    let mut operator = Operator::enter().await;
    operator.sees("Live: ").await;
    let requests =
        "Number(document.body.innerText.match(/([\\d,]+) requests? in/)?.[1].replace(',', ''))";
    let before = operator.browser.run(requests).await;
    let before = before.as_u64().expect("a number of requests");
    let (_ana, _) = ana(&operator.demo).await;
    operator.waits(&format!("{requests} >= {before} + 3")).await;
    operator.sees("shopper or staff, logged in").await;
    operator.sees("of 7 well").await;

    operator.turn_to("apps").await;
    operator.sees(" calls took ").await;
    operator.sees("None fails.").await;
    // It says who as the table does, which stands in that order.
    let agree = "document.querySelector('.lead strong').innerText === document.querySelector('tbody th summary').innerText";
    assert_eq!(operator.browser.run(agree).await, true);

    operator.turn_to("configuration").await;
    operator.sees("Secrets are not sent here.").await;
    operator.types("#within", "key").await;
    operator.sees(" values").await;
    operator.types("#within", "").await;
    let page = operator.browser.page().await;
    let data = operator.demo.data();
    let mut secrets = 0;
    for file in std::fs::read_dir(&data).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let long = text.split('"').filter(|part| part.len() > 40);
        for secret in long.filter(|part| !part.contains(' ')) {
            secrets += 1;
            assert!(!page.contains(secret), "a secret is shown");
        }
    }
    assert!(secrets > 0, "the demo has keys in {}", data.display());
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_for_curl_is_explained_and_compared_with_another() {
    let mut operator = Operator::enter().await;
    let (ana, id) = ana(&operator.demo).await;
    operator.turn_to("explain").await;
    let line = format!("curl 'http://127.0.0.1:{}/?sc=2'", operator.demo.port);
    operator.types("#request-0", &line).await;
    let go = "document.querySelector('main form button.main').click()";
    operator.browser.run(go).await;
    operator
        .waits("document.querySelector('h2')?.innerText === 'What would happen'")
        .await;
    for said in [
        "x-session-channel",
        "Cycle, round by round",
        "Leaving with the response",
    ] {
        operator.sees(said).await;
    }
    operator.types("#session", &id).await;
    operator
        .browser
        .run("document.querySelector('#both').click()")
        .await;
    let other = line.replace("sc=2", "sc=4");
    operator.types("#request-1", &other).await;
    operator.browser.run(go).await;
    operator.waits("document.querySelector('tr.other')").await;
    operator.sees(" between the two.").await;
    let page = operator.browser.page().await;
    assert!(!page.contains(ana.cookie("vtex_session").unwrap()));

    // From her session's page, there is a request to begin with, as her browser would send it.
    operator.turn_to(&format!("sessions/demostore/{id}")).await;
    operator.presses("Explain a request with it").await;
    operator
        .waits("document.querySelector('#request-0')?.value.startsWith('GET / HTTP/1.1')")
        .await;
    operator.browser.run(go).await;
    operator
        .sees("The session of this request lives and would go on")
        .await;
    operator
        .browser
        .run("document.querySelector('#held').click()")
        .await;
    operator.browser.run(go).await;
    operator
        .sees("This request carries no login cookie: sent like this, it would log the shopper out.")
        .await;
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_ended_after_a_question_and_keys_lead_everywhere() {
    let mut operator = Operator::enter().await;
    let (mut ana, id) = ana(&operator.demo).await;
    operator.key("g").await;
    operator.key("s").await;
    operator
        .waits("location.hash === '#/sessions' && document.activeElement.id === 'find'")
        .await;
    operator.key("g").await;
    operator
        .waits("document.querySelector('#find').value === 'g'")
        .await;
    for (key, page) in [
        ("f", "configuration"),
        ("a", "apps"),
        ("c", "cycles"),
        ("e", "explain"),
        ("o", "overview"),
    ] {
        operator.browser.run("document.activeElement.blur()").await;
        operator.key("g").await;
        operator.key(key).await;
        operator
            .waits(&format!("location.hash === '#/{page}'"))
            .await;
    }
    operator.key("?").await;
    operator
        .waits("document.querySelector('dialog[open] dl.keys')")
        .await;
    operator.browser.press("Close").await;
    operator.waits("!document.querySelector('dialog')").await;
    operator.key("/").await;
    operator.waits("location.hash === '#/sessions'").await;

    operator.turn_to(&format!("sessions/demostore/{id}")).await;
    operator.presses("End this session").await;
    operator.sees("Its cookie stops to work at once").await;
    // Enter, without a look, does nothing.
    operator
        .waits("document.activeElement.innerText === 'Keep it'")
        .await;
    operator.browser.press("Keep it").await;
    operator.waits("!document.querySelector('dialog')").await;
    assert_eq!(ana.echo().await.session(), id);
    operator.browser.press("End this session").await;
    operator.browser.press("End the session").await;
    operator.sees("It was ended from here.").await;
    let echo = ana.echo().await;
    assert_ne!(echo.session(), id);
    assert_eq!(echo.header("x-session-user-id"), None);
    operator.finds(&id).await;
    operator.sees("ended by somebody").await;
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_fits_a_telephone_a_tablet_and_a_desk() {
    let mut operator = Operator::enter().await;
    let (mut ana, id) = ana(&operator.demo).await;
    let session = format!("sessions/demostore/{id}");
    let cycles = format!("cycles/demostore/{id}");
    let pages = [
        ("overview", "Live: "),
        ("sessions", "Find a session"),
        (&session, "What this shopper gets"),
        ("cycles", "App in focus"),
        (&cycles, "Round 1"),
        ("apps", " calls took "),
        ("explain", "Nothing was explained yet"),
        ("configuration", "In force"),
        ("nowhere", "No such page"),
    ];
    for (page, said) in pages {
        operator.turn_to(page).await;
        operator.sees(said).await;
        for dark in [false, true] {
            operator.browser.looks_at((1280, 900), dark).await;
            let page = format!("{page}, {}", if dark { "dark" } else { "light" });
            axe::is_for_everybody(&mut operator.browser, &page).await;
        }
        operator.browser.looks_at((1280, 900), false).await;
        for width in WIDTHS {
            operator.is_as_wide_as(width, page).await;
        }
    }
    if std::env::var_os("UPDATE_IMAGES").is_some() {
        take_images(&mut operator, &session, &cycles).await;
    }
    // What is told of a session that ended.
    ana.post("/logout", &[]).await;
    ana.echo().await;
    operator.turn_to("overview").await;
    operator.turn_to(&session).await;
    operator.sees("Why it ended").await;
    for width in WIDTHS {
        operator.is_as_wide_as(width, "a session that ended").await;
    }
    operator.finds(ANA).await;
    operator.sees("ended by a logout").await;
    for width in WIDTHS {
        operator.is_as_wide_as(width, "what was found").await;
    }
    operator.ends_well();
}

/// How long the demo is visited before its overview is drawn, so that the hour has something to show.
const BUSY: Duration = Duration::from_secs(70);

/// Has shoppers come and go for a while.
async fn be_busy(demo: &Demo) {
    let begun = Instant::now();
    let campaigns = ["blackfriday", "newsletter", ""];
    for turn in 0.. {
        if begun.elapsed() > BUSY {
            break;
        }
        let mut shopper = Client::of(demo);
        for page in 0..=turn % 7 {
            let campaign = campaigns[turn % campaigns.len()];
            shopper
                .get(&format!("/?utm_campaign={campaign}&sc={}", 1 + page % 2))
                .await;
        }
        if turn % 3 == 0 {
            shopper.log_in("bruno@example.com").await;
            shopper.echo().await;
        }
        if turn % 6 == 0 {
            shopper.post("/logout", &[]).await;
            shopper.echo().await;
        }
    }
}

/// Draws the images of the documents anew.
async fn take_images(operator: &mut Operator, session: &str, cycles: &str) {
    let hidden = json!({"hidden": true});
    operator
        .browser
        .command("Emulation.setScrollbarsHidden", hidden)
        .await;
    for (page, said, name, height) in [
        (session, "What this shopper gets", "session", 592),
        (cycles, "Round 1", "cycles", 690),
        ("overview", "Live: ", "overview", 960),
    ] {
        // Last: of so many visits only the latest cycles are remembered.
        if name == "overview" {
            be_busy(&operator.demo).await;
        }
        operator.turn_to(page).await;
        operator.sees(said).await;
        let size =
            json!({"width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": false});
        operator
            .browser
            .command("Emulation.setDeviceMetricsOverride", size)
            .await;
        operator.waits(&format!("innerHeight === {height}")).await;
        operator
            .browser
            .run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            .await;
        let shot = operator
            .browser
            .command("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        let image = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let kilobytes = image.len() / 1024;
        assert!(kilobytes < 150, "{name}: {kilobytes} KiB");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
        std::fs::write(folder.join(format!("console-{name}.png")), image).unwrap();
    }
}
