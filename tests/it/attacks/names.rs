//! Names that clients make up, each another one: nothing of ours grows with them.

use crate::support::Shop;

/// Each of them brings a host, a path, a query, a session and a header of its own.
const FIRST: u32 = 200;
const ALL: u32 = 3_000;

async fn ask(shop: &Shop, number: u32) -> u16 {
    // The host is another one every second time: it is refused before there is a route.
    let host = if number.is_multiple_of(2) {
        "shop.example".to_owned()
    } else {
        format!("made-up-{number}.example")
    };
    let methods = ["GET", "POST", "MADEUP"];
    let method = methods[usize::try_from(number).unwrap() % methods.len()];
    let wire = format!(
        "{method} /made-up-{number}/%{:02x}?utm_campaign=made-up-{number} HTTP/1.1\r\nHost: {host}\r\n\
         Cookie: vtex_session=made-up-{number}\r\nUser-Agent: made-up-{number}\r\n\
         Origin: http://made-up-{number}.example\r\nX-Made-Up-{number}: 1\r\nConnection: close\r\n\
         Content-Length: 0\r\n\r\n",
        0x41 + number % 26
    );
    shop.raw(wire.as_bytes()).await.status
}

/// What the metrics count, each series without its value.
fn series(shop: &Shop) -> Vec<String> {
    let metrics = shop.metrics();
    assert!(!metrics.contains("made-up"), "{metrics}");
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.rsplit_once(' '));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test]
async fn thousands_of_names_that_clients_make_up_make_no_series_and_no_more_sessions_than_there_is_room()
 {
    // Memory for some hundreds of sessions.
    let room = "[store]\nkind = \"memory\"\nmax_anonymous = \"256KiB\"\nmax_authenticated = \"256KiB\"\n[limits]\nnew_sessions_per_minute = 0\n";
    let shop = Shop::with(room).await;
    let mut statuses = std::collections::BTreeSet::new();
    for number in 0..FIRST {
        statuses.insert(ask(&shop, number).await);
    }
    let before = series(&shop);
    for number in FIRST..ALL {
        statuses.insert(ask(&shop, number).await);
        shop.origin.forget();
    }
    assert_eq!(series(&shop), before);
    assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
    let census = shop.shared.flow.census();
    let (anonymous, known) = (census.anonymous + census.light, census.authenticated);
    assert!(anonymous < 1_000 && known == 0, "{anonymous} {known}");
}
