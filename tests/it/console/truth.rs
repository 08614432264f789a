//! What the console says is what is known, no more: of few calls, of a time that has not ended, of what
//! is over, of what is asked for it; and it says whose.

use std::path::Path;
use std::time::Duration;

use axum::Json;
use serde_json::json;
use tokio::net::TcpListener;

use super::{ANA, Operator, ana};
use crate::support::chromium::Browser;
use crate::support::program::{Running, run_beside};
use crate::support::{Client, Demo};

/// How long the slow app takes.
const TAKES: Duration = Duration::from_millis(300);

/// An app over HTTP that answers after a while, and differently each time.
async fn slow_app() -> String {
    let answer = |body: String| async move {
        let never = std::future::pending::<()>();
        let late = tokio::time::timeout(TAKES, never).await.is_err();
        assert!(late);
        Json(json!({"perks": {"level": {"value": body.len().to_string()}}}))
    };
    let way = "/_v/perks/session/transform";
    let router = axum::Router::new().route(way, axum::routing::post(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// An operator before a store whose app `perks` takes its time, and Ana's first visit there.
async fn before_a_slow_app() -> (Operator, Running, String) {
    let demo = Demo::start().await;
    let url = slow_app().await;
    let storefront = format!("127.0.0.1:{}", demo.storefront_port);
    let change = |text: String, _: &Path| {
        text.replace("http://127.0.0.1:8082", &url)
            .replace("127.0.0.1:8081", &storefront)
            .replace("kind = \"embedded\"", "kind = \"memory\"")
            .replace("path = \"../data/demo/sessions\"", "")
    };
    let (running, [port, admin_port]) = run_beside(&demo, &change).await;
    let mut ana = Client::of(&demo);
    ana.log_in(ANA).await;
    let mut ana = ana.moved_to(port);
    ana.get("/?utm_campaign=blackfriday").await;
    let id = ana.echo().await.session();
    let mut browser = Browser::open(admin_port).await;
    browser.go("/console/").await;
    let mut operator = Operator { browser, demo };
    operator.sees("Ready for traffic").await;
    (operator, running, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_few_calls_the_longest_is_told_and_the_request_that_waited_is_one_line_with_its_shopper()
{
    let (mut operator, _running, id) = before_a_slow_app().await;
    // Of a handful of requests nobody knows what one of a hundred takes.
    let tile = "[...document.querySelectorAll('.tile')].map(one => one.innerText).join('|')";
    operator
        .waits(&format!(
            "/Time to answer\\s+[\\d.,]+ m?s\\s+the longest of \\d+ requests since the start/.test({tile})"
        ))
        .await;
    operator
        .waits(&format!("{tile}.includes('perks (slow, ')"))
        .await;
    let look = "document.querySelector('.tile a').click()";
    operator.sees("look at these").await;
    operator.browser.run(look).await;
    operator.sees("Only those in trouble").await;
    assert_eq!(operator.browser.address().await, "/console/#/apps/troubled");
    // A busy machine may make others slow; those that are well are left out.
    let rows = "[...document.querySelectorAll('tbody tr')].map(one => one.innerText)";
    let troubled = format!(
        "(rows => rows.some(one => one.startsWith('perks')) && rows.every(one => /slow|fails/.test(one)))({rows})"
    );
    operator.waits(&troubled).await;
    let few = r"/perks( is slow)?: the longest of its \d calls took /.test(document.querySelector('.lead').innerText)";
    operator.waits(few).await;
    let few = format!(r"{rows}.some(one => /^perks[^]*\d\scalls/.test(one))");
    operator.waits(&few).await;
    let open = "[...document.querySelectorAll('tbody summary')].find(one => one.innerText === 'perks').click()";
    operator.browser.run(open).await;
    operator
        .waits("document.querySelector('dd .list li')")
        .await;
    // A request that called it in several rounds is one line.
    let lines = "[...document.querySelectorAll('dd .list li')].map(one => one.innerText)";
    let lines = operator.browser.run(lines).await;
    let all = lines.as_array().unwrap().iter();
    let all = all.map(|line| line.as_str().unwrap());
    let line = all.into_iter().find(|line| line.contains(" calls: "));
    let line = line.unwrap_or_else(|| panic!("{lines}"));
    for said in [" ms in round ", " and ", ANA] {
        assert!(line.contains(said), "{said} in {line}");
    }
    let leads = format!(
        "[...document.querySelectorAll('dd .list a')].every(one => one.hash.includes('{id}'))"
    );
    assert_eq!(operator.browser.run(&leads).await, true);

    // All of them, with answers of the app and of the memo side by side.
    operator
        .browser
        .run("document.querySelector('#troubled').click()")
        .await;
    operator
        .waits("document.querySelectorAll('tbody th summary').length === 7 && location.hash === '#/apps'")
        .await;
    let heads = "[...document.querySelectorAll('thead th')].map(one => one.innerText).join()";
    let heads = operator.browser.run(heads).await;
    let heads = heads.as_str().unwrap();
    assert!(
        heads.contains("By the app") && heads.contains("From memo"),
        "{heads}"
    );
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_have_one_numbering_and_who_a_session_is_is_told_by_email_and_id() {
    let mut operator = Operator::enter().await;
    let mut first = Client::of(&operator.demo);
    first.get("/").await;
    let stranger = first.echo().await.session();
    first.log_in(ANA).await;
    let id = first.echo().await.session();
    assert_ne!(stranger, id);
    operator.turn_to(&format!("sessions/demostore/{id}")).await;
    operator.sees(&format!("Session of {ANA}")).await;
    // The round in which the session's page says that a value was written …
    let written = "[...document.querySelectorAll('#document ~ .space tr')]
        .find(one => one.innerText.startsWith('priceTables')).innerText.match(/in (round \\d+)/)[1]";
    let round = operator.browser.run(written).await;
    let round = round.as_str().unwrap().to_owned();
    operator.presses("Its cycles, round by round").await;
    operator.sees("wrote ").await;
    // … is the one where the app stands that answered it, and the one that the change is said to be of.
    let row = "[...document.querySelectorAll('.round')].find(one => [...one.querySelectorAll('.app strong')].some(app => app.innerText === 'profile')).querySelector('h3').innerText.toLowerCase()";
    assert_eq!(operator.browser.run(row).await, round.as_str());
    let group = "document.querySelector('.parameter[data-field=\"profile.priceTables\"]').closest('ul').getAttribute('aria-label')";
    let group = operator.browser.run(group).await;
    assert_eq!(group, format!("Changed in {round}").as_str());

    // Whoever was replaced at a login has a beginning, too.
    operator
        .turn_to(&format!("sessions/demostore/{stranger}"))
        .await;
    operator.sees("Why it ended: replaced at a login").await;
    let created = "[...document.querySelectorAll('.facts > div')].find(one => one.innerText.startsWith('Created')).querySelector('time')?.dateTime ?? ''";
    let created = operator.browser.run(created).await;
    assert!(created.as_str().unwrap().starts_with("20"), "{created}");

    // In the list, too, she has her e-mail, and the shop's id below it.
    operator.turn_to("sessions").await;
    operator.sees("Latest sessions").await;
    operator.sees(ANA).await;
    let who = format!(
        "[...document.querySelectorAll('tbody td')].find(one => one.innerText.includes({ANA:?})).innerText"
    );
    let who = operator.browser.run(&who).await;
    let who: Vec<&str> = who.as_str().unwrap().split_whitespace().collect();
    let theirs = [ANA, "11111111-1111-4111-8111-111111111111"];
    assert_eq!(who, theirs);
    let two = format!(
        "(() => {{ const [one, other] = [...document.querySelectorAll('tbody td')].find(one => one.innerText.includes({ANA:?})).querySelectorAll('.who'); return other.getBoundingClientRect().top >= one.getBoundingClientRect().bottom - 4; }})()"
    );
    assert_eq!(
        operator.browser.run(&two).await,
        true,
        "one below the other"
    );
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_is_gone_when_it_is_over_and_charts_are_of_the_clocks_minutes() {
    let mut operator = Operator::enter().await;
    let said = "document.getElementById('said').textContent";
    operator.browser.press("Theme").await;
    operator.waits(&format!("{said} === 'Theme: light'")).await;
    operator.waits(&format!("{said} === ''")).await;

    // The pure part of the charts, as the page has it.
    let gathered = "import('./chart.js').then(({ gather, during }) => {
        const at = Date.UTC(2026, 0, 1, 12, 0, 40);
        const points = [...Array(9)].map((_, step) => ({ at: at + step * 10000, count: 1 }));
        const join = all => ({ sum: all.reduce((sum, one) => sum + one.count, 0) });
        const of = (points, length) => gather(points, 10000, length, join);
        const minutes = of(points, 60000);
        return {
            sums: minutes.map(one => one.sum),
            // Each is of a minute of the clock, and a later point moves none of them.
            whole: minutes.every(one => one.bin % 60000 === 0),
            stays: of(points.slice(0, -1), 60000).every((one, place) => one.bin === minutes[place].bin),
            last: gather(points, 10000, 60000, join).at(-1).bin === Date.UTC(2026, 0, 1, 12, 1),
            words: minutes.map(during),
        };
    })";
    let told = operator.browser.run(gathered).await;
    assert_eq!(told["sums"], json!([3, 6]));
    assert_eq!(
        (&told["whole"], &told["stays"], &told["last"]),
        (&json!(true), &json!(true), &json!(true))
    );
    let words: Vec<&str> = (0..2)
        .map(|at| told["words"][at].as_str().unwrap())
        .collect();
    assert!(words[0].starts_with("30 s, from "), "{words:?}");
    assert!(words[1].contains(" to "), "{words:?}");
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_of_the_first_minutes_says_so_and_its_axis_stands_still() {
    let mut operator = Operator::enter().await;
    operator.sees("Since the start at ").await;
    let drawn = "import('./chart.js').then(({ chart, gather }) => {
        const begun = Date.UTC(2026, 0, 1, 12, 0, 0);
        const one = chart({ id: 'probe', title: 'Probe', format: String, whole: true, series: [{ label: 'sum', of: point => point.sum }] });
        document.querySelector('main').append(one.figure);
        const points = count => [...Array(count)].map((_, step) => ({ at: begun + (step + 1) * 10000, sum: 1 }));
        const join = all => ({ sum: all.length });
        const update = count => { one.update(gather(points(count), 10000, 10000, join), 'each 10 seconds'); return [...one.figure.querySelectorAll('svg[height] .middle')].map(tick => `${tick.getAttribute('x')} ${tick.textContent}`).join(); };
        return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
            const first = update(4);
            done([first !== '' && first === update(5) && first === update(12), first === update(20), one.figure.querySelector('.unit').textContent, one.figure.querySelector('.when').textContent]);
        })));
    })";
    let told = operator.browser.run(drawn).await;
    assert_eq!(
        (&told[0], &told[1], &told[2]),
        (&json!(true), &json!(false), &json!("each 10 seconds")),
        "{told}"
    );
    assert!(told[3].as_str().unwrap().starts_with("last: "), "{told}");
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_speaks_in_words_and_says_before_that_apps_may_be_asked() {
    let mut operator = Operator::enter().await;
    let (_, id) = ana(&operator.demo).await;
    operator.turn_to(&format!("explain/demostore/{id}")).await;
    operator.sees("Apps may really be asked.").await;
    operator
        .sees("Not called are apps that nothing changes for")
        .await;
    operator
        .browser
        .run("document.querySelector('#held').click(); document.querySelector('main form button.main').click(); null")
        .await;
    for said in [
        "30 min",
        "somebody is logged out, or their token holds no more",
        "the segment: ",
        "it goes on to the store",
    ] {
        operator.sees(said).await;
    }
    // As it stands, beside the words.
    let raw = "[...document.querySelectorAll('.raw')].map(one => one.innerText).join('|')";
    let raw = operator.browser.run(raw).await;
    let raw = raw.as_str().unwrap();
    for said in ["1800000 ms", "logout", "forward", "eyJ"] {
        assert!(raw.contains(said), "{said} in {raw}");
    }
    let page = operator.browser.page().await;
    for never in ["SessionId(", "L 1800 s"] {
        assert!(!page.contains(never), "{never}");
    }
    operator.ends_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_told_by_its_sections_with_what_is_set_and_what_is_a_default() {
    let mut operator = Operator::enter().await;
    operator.turn_to("configuration").await;
    operator.sees("In force").await;
    let heads = "[...document.querySelectorAll('.section h3')].map(one => one.textContent)";
    let heads = operator.browser.run(heads).await;
    let heads = heads.to_string();
    for section in [
        "[server]",
        "[store]",
        "[[account]] demostore",
        "[[account.app]] demostore · perks",
        "[[account.route]] demostore · /account",
    ] {
        assert!(heads.contains(section), "{section} in {heads}");
    }
    let of = |key: &str| {
        format!(
            "[...document.querySelectorAll('.leaves > div')].find(one => one.querySelector('dt').textContent === {key:?})"
        )
    };
    // A word says which is which, and a weight; no colour is needed.
    let set = format!(
        "(one => [one.querySelector('.origin').textContent.startsWith('set in '), Number(getComputedStyle(one.querySelector('.value')).fontWeight)])({})",
        of("hosts")
    );
    assert_eq!(operator.browser.run(&set).await, json!([true, 700]));
    let default = format!(
        "(one => [one.querySelector('.origin').textContent, Number(getComputedStyle(one.querySelector('.value')).fontWeight)])({})",
        of("watch")
    );
    assert_eq!(
        operator.browser.run(&default).await,
        json!(["default", 400])
    );
    // Only what is set, then what is looked for in it.
    operator
        .browser
        .run("document.querySelector('#only-set').click()")
        .await;
    operator
        .waits("document.querySelectorAll('.leaves > div').length > 10 && ![...document.querySelectorAll('.origin')].some(one => one.textContent === 'default')")
        .await;
    operator.types("#within", "perks").await;
    operator
        .waits("[...document.querySelectorAll('.leaves > div')].length < 30 && document.querySelector('mark')")
        .await;
    // The list of sections leads to one of them.
    operator.types("#within", "").await;
    let jump = "(() => { const list = document.querySelector('#jump'); list.value = [...list.options].find(one => one.innerText.startsWith('[[account.app]] demostore · perks')).value; list.dispatchEvent(new Event('change')); })()";
    operator.browser.run(jump).await;
    operator
        .waits("document.activeElement.innerText.includes('perks') && Math.abs(document.activeElement.getBoundingClientRect().top) < innerHeight")
        .await;
    operator.ends_well();
}
