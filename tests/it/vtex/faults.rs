//! Every source with every fault: what the shopper sees, what is counted, and how it comes back.

use super::{Front, STAFF};
use crate::support::clock::at;
use crate::support::vtex::{CAMPAIGNS, CHANNELS, CUSTOMERS, Fault, PERMISSIONS, REGIONS};

/// A source, the app that asks it, and the header that is missing without it.
const PARTS: [(&str, &str, &str); 5] = [
    (CHANNELS, "store", "x-session-channel"),
    (CUSTOMERS, "profile", "x-session-user-email"),
    (CAMPAIGNS, "rnb", "x-session-campaigns"),
    (REGIONS, "checkout", "x-session-region"),
    (PERMISSIONS, "impersonate", "x-session-impersonator"),
];

const QUERY: &str = "/?utm_source=newsletter&country=BRA&postalCode=20040002&vtex-impersonated-customer-email=bruno@example.com";

/// Each fault, how the call is counted, and how long its source is left alone.
fn faults() -> Vec<(Fault, &'static str, &'static str)> {
    let json = ("content-type", "application/json");
    vec![
        (Fault::Silent, "timeout", "0:02"),
        (
            Fault::Says(429, vec![("retry-after", "7")], ""),
            "unavailable",
            "0:08",
        ),
        (
            Fault::Says(503, vec![("retry-after", "7")], ""),
            "unavailable",
            "0:08",
        ),
        (Fault::Says(500, vec![json], "{}"), "unavailable", "0:02"),
        (Fault::Says(200, vec![json], "garbage"), "answered", "0:02"),
        (
            Fault::Says(200, vec![json], "{\"a\":[]}"),
            "answered",
            "0:02",
        ),
        (Fault::Half, "unavailable", "0:02"),
        (
            Fault::Says(200, vec![("content-type", "text/html")], "<html>"),
            "answered",
            "0:02",
        ),
        (
            Fault::Says(200, vec![json, ("content-encoding", "gzip")], "x"),
            "bad_reply",
            "0:02",
        ),
        (Fault::Says(403, vec![json], "{}"), "refused", "0:02"),
        (
            Fault::Says(302, vec![("location", "http://127.0.0.1:1/")], ""),
            "refused",
            "0:02",
        ),
    ]
}

async fn costs_no_page(part: (&'static str, &str, &str), fault: (Fault, &str, &str)) {
    let (source, app, header) = part;
    let (fault, outcome, pause) = fault;
    let said = format!("{source} {fault:?}");
    let front = Front::with("[account.cycle]\ndeadline = \"30s\"\n").await;
    front.platform.breaks(source, fault);
    let mut visitor = front.ana();
    visitor.keep(STAFF, &front.shop.staff_token("agent@demostore.example"));
    if source == PERMISSIONS {
        // A wish that comes together with its login is part of that: this one comes after it.
        visitor.get("/").await;
    }
    let reply = visitor.get(QUERY).await;
    assert_eq!(reply.status, 200, "{said}");
    assert_eq!(front.got(header), None, "{said}");
    front.counts(&format!(
        r#"vestibule_source_calls_total{{account="demostore",outcome="{outcome}",source="{source}"}} "#
    ));
    front.counts(&format!(
        r#"vestibule_app_failures_total{{app="{app}",cause=""#
    ));
    for (_, _, other) in PARTS
        .iter()
        .filter(|(other, ..)| *other == REGIONS && source != REGIONS)
    {
        assert!(
            front.got(other).is_some(),
            "{said}: {other} is there all the same"
        );
    }
    front.platform.heals(source);
    front.shop.clock.advance(at(pause));
    for _ in 0..3 {
        // The first begins the retry and does not wait for it; what follows from it comes after.
        visitor.get("/").await;
        front.settled().await;
        front.shop.clock.advance(at("0:02"));
    }
    visitor.get("/").await;
    assert!(
        front.got(header).is_some(),
        "{said}: back again\n{}",
        front.shop.metrics()
    );
    front.platform.all_calls();
}

#[tokio::test]
async fn no_fault_of_the_catalogue_costs_a_page() {
    for fault in faults() {
        costs_no_page(PARTS[0], fault).await;
    }
}

#[tokio::test]
async fn no_fault_of_master_data_costs_a_page() {
    for fault in faults() {
        costs_no_page(PARTS[1], fault).await;
    }
}

#[tokio::test]
async fn no_fault_of_promotions_costs_a_page() {
    for fault in faults() {
        costs_no_page(PARTS[2], fault).await;
    }
}

#[tokio::test]
async fn no_fault_of_the_checkout_costs_a_page() {
    for fault in faults() {
        costs_no_page(PARTS[3], fault).await;
    }
}

#[tokio::test]
async fn no_fault_of_license_manager_costs_a_page() {
    for fault in faults() {
        costs_no_page(PARTS[4], fault).await;
    }
}
