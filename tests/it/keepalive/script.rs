//! The script in a real browser.

use super::stage::{Stage, expired};
use crate::support::clock::at;

fn millis(text: &str) -> u64 {
    u64::try_from(at(text).as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shopper_who_is_there_keeps_the_session_and_one_who_left_does_not() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    let (what, told) = stage.told(1).await;
    assert_eq!(
        (what.as_str(), &told["lifetimeMs"]),
        ("refreshed", &1_800_000.into())
    );
    let session = stage.session();
    stage.pass(at("20:00")).await;
    stage.browser.press_key().await;
    stage.quiet().await;
    assert_eq!(stage.calls(200), 1, "the time has not come");
    stage.pass(at("4:31")).await;
    // Half a minute before the end.
    let (what, told) = stage.told(2).await;
    assert_eq!(what, "refreshed");
    assert_eq!(told["expiresInMs"], millis("20:30"));
    assert_eq!(told["timeoutMs"], millis("0:30"));
    // Nobody is there any more: no call, a warning, and the end.
    stage.pass(at("20:20")).await;
    stage.quiet().await;
    assert_eq!(stage.calls(200), 2);
    assert_eq!(stage.told(3).await.0, "expiring");
    stage.pass(at("0:11")).await;
    assert_eq!(stage.told(4).await, expired("expired"));
    assert_eq!(stage.calls(200), 3);
    // It is over: nothing is asked any more, whatever anybody does here.
    stage.browser.press_key().await;
    stage.pass(at("60:00")).await;
    stage.quiet().await;
    assert_eq!(stage.calls(200), 3);
    stage.go("/").await;
    assert_ne!(stage.session(), session);
    assert!(
        stage.browser.complaints().is_empty(),
        "{:?}",
        stage.browser.complaints()
    );
    assert!(stage.browser.strangers().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warning_is_taken_back_by_whoever_is_there_after_all() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    stage.told(1).await;
    stage.pass(at("24:50")).await;
    assert_eq!(stage.told(2).await.0, "expiring");
    stage.browser.press_key().await;
    let (what, told) = stage.told(3).await;
    assert_eq!(
        (what.as_str(), &told["expiresInMs"]),
        ("refreshed", &1_500_000.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pages_pretend_is_no_activity() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    stage.told(1).await;
    stage.pass(at("20:00")).await;
    stage
        .browser
        .run("['keydown', 'pointermove', 'scroll'].forEach((kind) => dispatchEvent(new Event(kind)))")
        .await;
    stage.pass(at("4:50")).await;
    assert_eq!(stage.told(2).await.0, "expiring");
    stage.quiet().await;
    assert_eq!(stage.calls(200), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_make_one_call_and_both_hear_of_it() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    stage.told(1).await;
    let second = stage.another_tab().await;
    stage.quiet().await;
    assert_eq!(stage.calls(200), 1, "the second knows from the first");
    for _ in 0..3 {
        stage.pass(at("1:00")).await;
        for tab in [0, second] {
            stage.browser.speak_to(tab);
            stage.browser.press_key().await;
        }
        let before = stage.calls(200);
        stage.pass(at("23:31")).await;
        assert_eq!(stage.calls(200), before + 1, "one call for both");
    }
    let told = [stage.all_told().await, {
        stage.browser.speak_to(0);
        stage.all_told().await
    }];
    for all in told {
        assert!(
            all.len() >= 3 && all.iter().all(|(what, _)| what == "refreshed"),
            "{all:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_at_the_very_same_moment_make_one_call() {
    let held = "const ask = window.fetch;
        window.asked = 0;
        window.held = Promise.resolve();
        window.hold = () => { window.held = new Promise((letGo) => { window.letGo = letGo; }); };
        window.fetch = async (...all) => {
            window.asked += 1;
            await window.held;
            return ask(...all);
        };";
    let mut stage = Stage::set_with(held).await;
    stage.go("/").await;
    stage.told(1).await;
    let second = stage.another_tab().await;
    stage.pass(at("1:00")).await;
    for tab in [0, second] {
        stage.browser.speak_to(tab);
        stage.browser.press_key().await;
        stage.browser.run("asked = 0; hold()").await;
    }
    stage.pass(at("23:00")).await;
    let before = stage.calls(200);
    let step = at("0:31");
    stage.shop.clock.advance(step);
    for tab in [0, second] {
        stage.browser.speak_to(tab);
        let pass = format!("time.pass({})", step.as_millis());
        stage.browser.run(&pass).await;
    }
    // The first asks and is not answered yet; the second, whose time has come as well, finds it asking.
    stage.browser.speak_to(0);
    stage.browser.until("asked === 1").await;
    stage.browser.speak_to(second);
    stage.browser.until("time.next() <= 1000").await;
    assert_eq!(stage.browser.run("asked").await, 0);
    for tab in [0, second] {
        stage.browser.speak_to(tab);
        stage.browser.run("letGo()").await;
    }
    stage.quiet().await;
    stage.pass(at("0:01")).await;
    stage.quiet().await;
    assert_eq!(stage.calls(200), before + 1);
    let mut asked = 0;
    for tab in [0, second] {
        stage.browser.speak_to(tab);
        asked += stage.browser.run("asked").await.as_u64().unwrap();
        stage
            .browser
            // Active at 1:00; told of at 24:31, and heard a second later at most.
            .until("[89000, 88000].includes(told.at(-1)?.[1].expiresInMs)")
            .await;
    }
    assert_eq!(asked, 1, "one of the two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tab_that_is_hidden_tells_earlier_and_asks_when_it_is_shown() {
    let away = "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.away) });
        window.look = (away) => {
            window.away = away;
            document.dispatchEvent(new Event('visibilitychange'));
        };";
    let mut stage = Stage::set_with(away).await;
    stage.go("/").await;
    stage.told(1).await;
    stage.pass(at("5:00")).await;
    stage.browser.press_key().await;
    stage.browser.run("look(true)").await;
    // Browsers wake such a tab once a minute.
    stage.pass(at("18:29")).await;
    assert_eq!(stage.calls(200), 1);
    stage.pass(at("1:00")).await;
    let (what, told) = stage.told(2).await;
    assert_eq!((what.as_str(), stage.calls(200)), ("refreshed", 2));
    assert!(
        told["expiresInMs"].as_u64() <= Some(millis("6:30")),
        "{told}"
    );
    stage.pass(at("1:00")).await;
    stage.browser.run("look(false)").await;
    let (_, told) = stage.told(3).await;
    assert_eq!(
        told["expiresInMs"],
        millis("25:00"),
        "whoever looks is there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_while_the_machine_slept_is_told_of_on_waking() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    stage.told(1).await;
    stage.pass(at("10:00")).await;
    stage.browser.press_key().await;
    stage.sleep(at("480:00")).await;
    // The first timer after that.
    stage.pass(at("1:00")).await;
    assert_eq!(stage.told(2).await, expired("expired"));
    // The next page has a session of its own, which the script takes up.
    stage.go("/").await;
    stage.pass(at("0:02")).await;
    assert_eq!(stage.told(1).await.0, "refreshed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_ours_is_none() {
    let strange = "const ask = window.fetch;
        window.fetch = async (...all) => {
            if (window.asked) return ask(...all);
            window.asked = true;
            return new Response('{}');
        };";
    let mut stage = Stage::set_with(strange).await;
    stage.go("/").await;
    stage.quiet().await;
    assert_eq!((stage.all_told().await.len(), stage.calls(200)), (0, 0));
    stage.pass(at("0:02")).await;
    assert_eq!(stage.told(1).await.0, "refreshed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nap_within_the_time_costs_nobody_the_session() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    stage.told(1).await;
    stage.pass(at("10:00")).await;
    stage.browser.press_key().await;
    stage.sleep(at("10:00")).await;
    stage.pass(at("1:00")).await;
    let (what, told) = stage.told(2).await;
    assert_eq!(what, "refreshed", "it asks when it wakes");
    // Active at 10:00, whatever the clock that stood still says.
    assert_eq!(told["expiresInMs"], millis("14:00"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_ends_no_session_and_keeps_none() {
    let hours = millis("300:00").cast_signed();
    for step in [hours, -hours] {
        let mut stage = Stage::set().await;
        stage.go("/").await;
        stage.told(1).await;
        stage.pass(at("10:00")).await;
        stage.browser.press_key().await;
        stage.browser.run(&format!("time.set({step})")).await;
        stage.pass(at("1:00")).await;
        let (what, told) = stage.told(2).await;
        assert_eq!(what, "refreshed", "{step}");
        let left = told["expiresInMs"].as_u64().unwrap();
        assert!(left <= 1_440_000, "{left}");
        stage.browser.press_key().await;
        stage.pass(at("23:31")).await;
        let (what, _) = stage.told(3).await;
        assert_eq!(what, "refreshed", "{step}: whoever is there is kept");
        stage.pass(at("30:00")).await;
        stage.browser.until("told.at(-1)[0] === 'expired'").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_in_one_tab_is_told_to_the_other() {
    let mut stage = Stage::set().await;
    let login = stage.shop.token("ana@example.com");
    stage.go("/static/x").await;
    let cookie = format!("document.cookie = 'VtexIdclientAutCookie_demostore={login};path=/'");
    stage.browser.run(&cookie).await;
    stage.go("/").await;
    stage.told(1).await;
    let ana = stage.session();
    let second = stage.another_tab().await;
    stage.pass(at("5:00")).await;
    // The shop's own logout takes its cookie away; its next page makes an anonymous session.
    stage
        .browser
        .run("document.cookie = 'VtexIdclientAutCookie_demostore=;path=/;max-age=0'")
        .await;
    stage.go("/").await;
    assert_ne!(stage.session(), ana);
    stage.pass(at("19:31")).await;
    // The new page goes on; the old one is of somebody who has left.
    stage.browser.speak_to(second);
    assert_eq!(stage.told(1).await.0, "refreshed");
    stage.browser.speak_to(0);
    assert_eq!(stage.told(2).await, expired("replaced"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_by_the_session_api_is_told_to_all_tabs_by_the_first_that_asks() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    stage.told(1).await;
    stage.another_tab().await;
    stage.pass(at("2:00")).await;
    stage
        .browser
        .run("fetch('/api/sessions', { method: 'DELETE' })")
        .await;
    stage
        .browser
        .run("dispatchEvent(new Event('online'))")
        .await;
    assert_eq!(stage.told(1).await, expired("none"));
    stage.browser.speak_to(0);
    assert_eq!(stage.told(2).await, expired("none"));
    assert_eq!(stage.calls(200), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_network_it_tries_again_and_at_once_when_there_is_one() {
    let mut stage = Stage::set().await;
    stage.go("/").await;
    stage.told(1).await;
    stage.pass(at("20:00")).await;
    stage.browser.press_key().await;
    stage.browser.offline(true).await;
    for _ in 0..3 {
        stage.pass(at("1:20")).await;
        stage.quiet().await;
    }
    stage.pass(at("0:40")).await;
    stage.quiet().await;
    assert_eq!(stage.calls(200), 1);
    stage.browser.offline(false).await;
    let (what, told) = stage.told(2).await;
    assert_eq!(what, "refreshed");
    assert_eq!(told["expiresInMs"], millis("20:20"));
    assert_eq!(stage.calls(200), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_storage_is_refused_tabs_share_a_cookie() {
    let refused = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });";
    let mut stage = Stage::set_with(refused).await;
    stage.go("/").await;
    stage.told(1).await;
    let names: Vec<_> = stage.browser.cookies().await;
    assert!(
        names
            .iter()
            .any(|cookie| cookie["name"] == "vestibule__session_keepalive"),
        "{names:?}"
    );
    stage.another_tab().await;
    stage.pass(at("24:00")).await;
    stage.browser.press_key().await;
    stage.pass(at("0:31")).await;
    stage.quiet().await;
    assert_eq!(stage.calls(200), 2);
    // No event tells the other tab; it reads before it asks.
    stage.pass(at("2:00")).await;
    stage.quiet().await;
    for tab in 0..stage.browser.tabs() {
        stage.browser.speak_to(tab);
        let all = stage.all_told().await;
        assert_eq!(
            all.last().map(|(what, _)| what.as_str()),
            Some("refreshed"),
            "{all:?}"
        );
    }
    assert_eq!(stage.calls(200), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_neither_storage_nor_locks_each_tab_is_still_right() {
    let bare = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } });\
        Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} });\
        Object.defineProperty(navigator, 'locks', { value: undefined });";
    let mut stage = Stage::set_with(bare).await;
    stage.go("/").await;
    stage.pass(at("0:01")).await;
    stage.told(1).await;
    stage.pass(at("20:00")).await;
    stage.browser.press_key().await;
    stage.pass(at("4:31")).await;
    stage.pass(at("0:01")).await;
    assert_eq!(stage.told(2).await.0, "refreshed");
    stage.pass(at("25:00")).await;
    stage.pass(at("0:02")).await;
    stage.browser.until("told.at(-1)[0] === 'expired'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_without_a_session_is_told_nothing_and_asks_no_more() {
    let mut stage = Stage::set().await;
    stage.shop.origin.says_page(
        "/static/page",
        "<!doctype html><title>x</title><script src=\"/_session/keepalive.js\" defer></script>",
    );
    stage.go("/static/page").await;
    stage.quiet().await;
    stage.pass(at("120:00")).await;
    stage.quiet().await;
    assert_eq!(stage.all_told().await, []);
    assert_eq!(stage.calls(200), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_document_does_what_it_says() {
    let document = include_str!("../../../docs/browser.md");
    let block = |kind: &str| {
        let (_, rest) = document.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let mut stage = Stage::set().await;
    stage.shop.origin.says_page("/orders", &block("html"));
    stage
        .shop
        .origin
        .says_file("/static/session.js", "text/javascript", &block("js"));
    stage.go("/orders").await;
    stage.told(1).await;
    let says = async |stage: &mut Stage| stage.browser.text("#session").await.unwrap();
    assert_eq!(says(&mut stage).await, "");
    stage.pass(at("24:45")).await;
    stage.told(2).await;
    assert_eq!(
        says(&mut stage).await,
        "Still there? This session ends in 15 seconds."
    );
    stage.browser.press_key().await;
    stage.told(3).await;
    assert_eq!(says(&mut stage).await, "");
    stage.pass(at("26:00")).await;
    stage.told(5).await;
    let end = "This session has ended. Load the page again to go on.";
    assert_eq!(says(&mut stage).await, end);
    assert!(
        stage.browser.complaints().is_empty(),
        "{:?}",
        stage.browser.complaints()
    );
}
