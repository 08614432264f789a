//! The spoof matrix: each header of ours, in each spelling, on each way by which a client can say it.

use super::{OK, Street};
use crate::support::recorder::{Recorded, cgi};
use crate::support::spoofing::{OWNED, spellings};

/// A name of the account's map, beside those that are always ours.
const MAPPED: &str = "x-shop-source";
const MAP: &str = "[account.headers.map]\n\"x-shop-source\" = \"public.utm_source\"\n";

/// What stands for what is forged.
const EVIL: &str = "forged";

/// What reads nearly like a name of ours and is another one, for every program.
fn neighbours(name: &str) -> [String; 5] {
    [
        format!("{name}_"),
        format!("_{name}"),
        format!("{name}-x"),
        name.replacen('-', "--", 1),
        name.replacen('-', "", 1),
    ]
}

impl Street {
    async fn hears(&self, wire: &str) -> Recorded {
        self.recorder.answers(OK);
        let reply = self.shop.raw(wire.as_bytes()).await;
        assert_eq!(reply.status, 200, "{wire:?}");
        self.recorder.got().pop().expect("it reaches the store")
    }

    fn begin(&self, method: &str) -> String {
        let token = &self.token;
        format!(
            "{method} /?utm_source=mail HTTP/1.1\r\nHost: shop.example\r\nCookie: vtex_session={token}\r\n"
        )
    }
}

/// Nothing that is forged arrives, and what is true arrives once.
fn holds(got: &Recorded, name: &str, truth: &[&str], wire: &str) {
    let body = String::from_utf8_lossy(&got.body);
    let all = format!("{}{body}", got.head);
    assert!(!all.contains(EVIL), "{wire:?}: {all:?}");
    let alike = got.cgi_names();
    let alike = alike.iter().filter(|other| **other == cgi(name)).count();
    assert_eq!(alike, truth.len(), "{wire:?}: {all:?}");
    assert_eq!(got.all(name), truth, "{wire:?}");
}

#[tokio::test]
async fn no_way_of_saying_a_header_of_ours_says_it_to_the_store() {
    let street = Street::with(MAP).await;
    let (get, post) = (street.begin("GET"), street.begin("POST"));
    let honest = street.hears(&format!("{get}\r\n")).await;
    assert_eq!(honest.all("x-shop-source"), ["mail"]);
    let mut told = 0;
    for name in OWNED.into_iter().chain([MAPPED]) {
        let truth = honest.all(name);
        told += truth.len();
        for spelling in spellings(name) {
            let line = format!("{spelling}: {EVIL}\r\n");
            let ways = [
                format!("{get}{line}\r\n"),
                format!(
                    "{post}Transfer-Encoding: chunked\r\nTrailer: {spelling}\r\n\r\n\
                     2\r\nhi\r\n0\r\n{line}\r\n"
                ),
                format!("{get}Connection: close, {spelling}\r\n{line}\r\n"),
            ];
            for wire in ways {
                let got = street.hears(&wire).await;
                holds(&got, name, &truth, &wire);
            }
        }
    }
    assert!(
        told >= 10,
        "the honest request is told what is true: {told}"
    );
}

#[tokio::test]
async fn a_name_that_only_resembles_one_of_ours_passes_and_changes_nothing() {
    let street = Street::with(MAP).await;
    let get = street.begin("GET");
    let honest = street.hears(&format!("{get}\r\n")).await;
    for name in OWNED.into_iter().chain([MAPPED]) {
        for neighbour in neighbours(name) {
            let wire = format!("{get}{neighbour}: {EVIL}\r\n\r\n");
            let got = street.hears(&wire).await;
            assert_eq!(got.all(&neighbour), [EVIL], "{wire:?}");
            assert_eq!(got.all(name), honest.all(name), "{wire:?}");
        }
    }
}
