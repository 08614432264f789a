//! How the storefront's pages look: at every width, by day and by night, for everybody. With
//! `UPDATE_SCREENSHOTS=1` (`make screenshots`) the pictures of the documents are written anew.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::net::TcpSocket;

use crate::support::Demo;
use crate::support::axe::is_for_everybody;
use crate::support::chromium::Browser;
use crate::support::program::run_beside;

/// What telephones, tablets and desks have.
const WIDTHS: [(u32, u32); 3] = [(360, 780), (768, 1024), (1280, 860)];

/// The largest that a picture in the documents may be, in bytes.
const LARGEST: usize = 150 * 1024;

/// A picture of the documents: name, size, and whether it is dark.
type Picture = (&'static str, (u32, u32), bool);

const PICTURES: [Picture; 2] = [
    ("storefront-light.png", (1120, 660), false),
    ("storefront-dark.png", (360, 780), true),
];

fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images")
}

async fn pages(browser: &mut Browser, look: &str) {
    for (path, name) in [
        ("/?sc=1", "shop"),
        ("/login", "login"),
        ("/nothing", "nothing"),
        ("/?sc=4", "refused"),
        ("/?sc=3", "unauthorised"),
    ] {
        browser.go(path).await;
        let page = format!("{name}, {look}");
        let wide = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(
            browser.run(wide).await,
            true,
            "{page} is wider than the window"
        );
        is_for_everybody(browser, &page).await;
        keep(browser, &format!("{name}-{look}.png")).await;
    }
}

/// Keeps a picture for whoever wants to look at all of them, where `LOOKS` names a folder.
async fn keep(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("LOOKS") {
        std::fs::write(Path::new(&folder).join(name), browser.picture().await).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_fits_every_width_by_day_and_by_night_and_is_for_everybody() {
    let demo = Demo::start().await;
    let mut browser = Browser::open(demo.port).await;
    for size in WIDTHS {
        for dark in [false, true] {
            browser.looks_at(size, dark).await;
            let scheme = if dark { "dark" } else { "light" };
            pages(&mut browser, &format!("{}-{scheme}", size.0)).await;
        }
    }
    browser.go("/login").await;
    browser.click("Ana Lima").await;
    browser.go("/account").await;
    is_for_everybody(&mut browser, "account").await;
    browser
        .go("/?utm_campaign=blackfriday&country=BRA&postalCode=20040002&sc=2")
        .await;
    is_for_everybody(&mut browser, "Ana's shop").await;
    keep(&mut browser, "shop-ana.png").await;
    assert_eq!(browser.strangers(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_store_that_cannot_be_reached_is_for_everybody_by_day_and_by_night() {
    let demo = Demo::start().await;
    // A port that nobody listens at, as long as it is held here.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let nobody_at = nobody.local_addr().unwrap().to_string();
    let change = |text: String, folder: &Path| {
        text.replace("127.0.0.1:8081", &nobody_at).replace(
            "../data/demo/sessions",
            folder.join("sessions").to_str().unwrap(),
        )
    };
    let (_running, [port, _]) = run_beside(&demo, &change).await;
    let mut browser = Browser::open(port).await;
    for size in WIDTHS {
        for dark in [false, true] {
            browser.looks_at(size, dark).await;
            browser.go("/").await;
            let said = browser.page().await;
            assert!(said.contains("The store cannot be reached"), "{said}");
            let page = format!("unreachable-{}-{dark}", size.0);
            is_for_everybody(&mut browser, &page).await;
            keep(&mut browser, &format!("{page}.png")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pictures_of_the_documents_are_small() {
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        write_pictures().await;
    }
    for (name, (width, height), _) in PICTURES {
        let picture = std::fs::read(images().join(name)).unwrap();
        assert!(picture.len() < LARGEST, "{name}: {}", picture.len());
        // The first chunk of a PNG holds its size.
        let sides: [u8; 8] = picture[16..24].try_into().unwrap();
        let sides = u64::from_be_bytes(sides);
        assert_eq!(sides, u64::from(width) << 32 | u64::from(height), "{name}");
    }
}

async fn write_pictures() {
    let demo = Demo::start().await;
    for (name, size, dark) in PICTURES {
        let mut browser = Browser::open(demo.port).await;
        browser.looks_at(size, dark).await;
        browser.go("/?utm_campaign=blackfriday").await;
        browser.click("Ana Lima").await;
        let shown = if dark { "time" } else { "masthead" };
        browser
            .run(&format!(
                "document.querySelector('.{shown}').scrollIntoView()"
            ))
            .await;
        browser
            .until("document.querySelector('[data-left]').textContent.startsWith('24:5')")
            .await;
        std::fs::write(images().join(name), browser.picture().await).unwrap();
    }
}
