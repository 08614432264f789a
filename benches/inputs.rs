//! Reading what a request says: cookies and query.

use divan::Bencher;
use vestibule::domain::inputs::{InputRules, InputSettings, read_inputs};

#[expect(dead_code, reason = "each bench takes its part of what they share")]
mod shared;

use shared::requests::{Request, SESSION_COOKIE, auth_token, campaign_query, cookies};

fn main() {
    divan::main();
}

fn read(bencher: Bencher<'_, '_>, request: &Request) {
    let settings = InputSettings {
        session_cookies: vec![SESSION_COOKIE.to_owned()],
        ..InputSettings::default()
    };
    let rules = InputRules::try_new(&settings).expect("the settings are right");
    let view = request.view();
    bencher.bench_local(|| read_inputs(divan::black_box(&view), &rules).captured.len());
}

/// Eleven cookies of 1.2 KB with a login's token of 700 bytes, and a campaign's link.
#[divan::bench]
fn eleven_cookies_and_a_campaign(bencher: Bencher<'_, '_>) {
    let line = cookies(Some(&auth_token(1)), Some(&"s".repeat(260))).join("; ");
    read(bencher, &Request::new(&[line], Some(campaign_query(1))));
}

/// The same cookies one a line, as HTTP/2 may split them.
#[divan::bench]
fn crumbs(bencher: Bencher<'_, '_>) {
    let lines = cookies(Some(&auth_token(1)), Some(&"s".repeat(260)));
    read(bencher, &Request::new(&lines, Some(campaign_query(1))));
}

/// No cookie, no query.
#[divan::bench]
fn bare(bencher: Bencher<'_, '_>) {
    read(bencher, &Request::new(&[], None));
}
