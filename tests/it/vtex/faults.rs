//! Every source with every fault: what the shopper sees, what is counted, and how it comes back.

use vestibule::domain::vtexid::Audience;

use super::{ANA, Elsewhere, Front, SHOPPER, STAFF};
use crate::support::Shopper;
use crate::support::clock::at;
use crate::support::vtex::{
    CAMPAIGNS, CHANNELS, CUSTOMERS, Fault, LOGIN_KEYS, LOGIN_SERVICE, PERMISSIONS, Platform,
    REGIONS,
};

/// Something that is asked of a source.
#[derive(Clone, Copy, Debug)]
struct Part {
    source: &'static str,
    /// The app that asks.
    app: &'static str,
    /// The header that is missing without an answer.
    header: &'static str,
    /// Who comes.
    who: Who,
    /// What they ask for.
    target: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Ana, by a login that is verified here.
    Ana,
    /// Ana, by a login of keys at an address.
    AnaByKeys,
    /// Ana, by a login that its service is asked about.
    AnaByService,
    /// Staff whose permission nobody has asked for yet: wish and login come together.
    Staff,
    /// Staff whose permission is known.
    KnownStaff,
}

const VISIT: &str = "/?utm_source=newsletter&country=BRA&postalCode=20040002";
const WISH: &str = "/?utm_source=newsletter&country=BRA&postalCode=20040002&vtex-impersonated-customer-email=ana@example.com";

const fn part(source: &'static str, app: &'static str, header: &'static str, who: Who) -> Part {
    let target = match who {
        Who::Staff | Who::KnownStaff => WISH,
        Who::Ana | Who::AnaByKeys | Who::AnaByService => VISIT,
    };
    Part {
        source,
        app,
        header,
        who,
        target,
    }
}

const CATALOGUE: Part = part(CHANNELS, "store", "x-session-channel", Who::Ana);
const CUSTOMER: Part = part(CUSTOMERS, "profile", "x-session-price-tables", Who::Ana);
const USER_BY_EMAIL: Part = part(
    CUSTOMERS,
    "impersonate",
    "x-session-impersonator",
    Who::KnownStaff,
);
const AUDIENCES: Part = part(CAMPAIGNS, "rnb", "x-session-campaigns", Who::Ana);
const REGION: Part = part(REGIONS, "checkout", "x-session-region", Who::Ana);
const PERMISSION: Part = part(
    PERMISSIONS,
    "impersonate",
    "x-session-impersonator",
    Who::Staff,
);
const KEYS: Part = part(
    LOGIN_KEYS,
    "authentication",
    "x-session-user-id",
    Who::AnaByKeys,
);
const VALIDATION: Part = part(
    LOGIN_SERVICE,
    "authentication",
    "x-session-user-id",
    Who::AnaByService,
);

/// What goes wrong.
#[derive(Clone, Debug)]
enum Trouble {
    /// One part answers so.
    Of(Fault),
    /// Nobody listens at the platform's address.
    Refused,
    /// Nobody knows the platform's name.
    UnknownName,
}

/// The platform's name, in front of which each of these tests stands.
const NAME: &str = "platform.example";

/// Each trouble, how the call is counted, and how long its source is left alone.
fn troubles() -> Vec<(Trouble, &'static str, &'static str)> {
    let json = ("content-type", "application/json");
    let says = |status, headers, body| Trouble::Of(Fault::Says(status, headers, body));
    let wait = || vec![("retry-after", "7")];
    vec![
        (Trouble::Of(Fault::Silent), "timeout", "0:02"),
        (says(429, wait(), ""), "unavailable", "0:08"),
        (says(503, wait(), ""), "unavailable", "0:08"),
        (says(500, vec![json], "{}"), "unavailable", "0:02"),
        (says(200, vec![json], "garbage"), "answered", "0:02"),
        (says(200, vec![json], "{\"a\":[]}"), "answered", "0:02"),
        (Trouble::Of(Fault::Half), "unavailable", "0:02"),
        (
            says(200, vec![("content-type", "text/html")], "<html>"),
            "answered",
            "0:02",
        ),
        (
            says(200, vec![json, ("content-encoding", "gzip")], "x"),
            "bad_reply",
            "0:02",
        ),
        (says(403, vec![json], "{}"), "refused", "0:02"),
        (
            says(302, vec![("location", "http://127.0.0.1:1/")], ""),
            "refused",
            "0:02",
        ),
        (Trouble::Refused, "unavailable", "0:02"),
        (Trouble::UnknownName, "unavailable", "0:02"),
    ]
}

impl Front {
    /// A shop that knows the platform by its name, for a part.
    async fn of(part: Part) -> Self {
        let login = match part.who {
            Who::Ana | Who::Staff | Who::KnownStaff => String::new(),
            Who::AnaByKeys => format!("jwks_url = \"http://{NAME}/jwks.json\"\n"),
            Who::AnaByService => format!("validate_url = \"http://{NAME}\"\n"),
        };
        let over = format!(
            "[account.cycle]\ndeadline = \"30s\"\n[account.memo]\nmax_size = 0\n[account.authentication]\n{login}"
        );
        let address = format!("http://{NAME}");
        let front = Self::at(Some(&address), &over, |_, _| String::new()).await;
        front.shop.names.set(NAME, Some(front.platform.address));
        front
    }

    /// Whoever comes for a part, with their login in the jar.
    async fn comes(&self, part: Part) -> Shopper {
        let agent = || self.shop.staff_token("agent@demostore.example");
        let elsewhere = Elsewhere::new();
        let token = || elsewhere.token(&self.shop, ANA, Audience::Webstore);
        let mut visitor = self.shopper();
        match part.who {
            Who::Ana => return self.ana(),
            Who::Staff => visitor.keep(STAFF, &agent()),
            Who::KnownStaff => {
                visitor.keep(STAFF, &agent());
                visitor.get("/").await;
            }
            Who::AnaByKeys => {
                self.platform.publishes(&elsewhere.0.public_jwks());
                visitor.keep(SHOPPER, &token());
            }
            Who::AnaByService => {
                let token = token();
                self.platform.confirms(&token, ANA.0, ANA.1, "webstore");
                visitor.keep(SHOPPER, &token);
            }
        }
        visitor
    }

    async fn begins(&self, part: Part, trouble: &Trouble) {
        match trouble {
            Trouble::Of(fault) => self.platform.breaks(part.source, fault.clone()),
            Trouble::Refused => self.platform.kill().await,
            Trouble::UnknownName => {
                // With it end the connections that need no name any more.
                self.platform.kill().await;
                self.shop.names.set(NAME, None);
                self.platform.revive().await;
            }
        }
    }

    async fn ends(&self, part: Part, trouble: &Trouble) {
        match trouble {
            Trouble::Of(_) => self.platform.heals(part.source),
            Trouble::Refused => self.platform.revive().await,
            Trouble::UnknownName => self.shop.names.set(NAME, Some(self.platform.address)),
        }
    }
}

impl Front {
    /// Whether a visitor has after a few visits what was missing.
    async fn comes_back(&self, part: Part, visitor: &mut Shopper) -> bool {
        for _ in 0..3 {
            // The first begins the retry and does not wait for it; what follows from it comes after.
            visitor.get("/").await;
            self.settled().await;
            self.shop.clock.advance(at("0:02"));
        }
        visitor.get("/").await;
        self.got(part.header).is_some()
    }
}

async fn costs_no_page(part: Part, (trouble, outcome, pause): (Trouble, &str, &str)) {
    let said = format!("{part:?} {trouble:?}");
    let front = Front::of(part).await;
    let mut visitor = front.comes(part).await;
    front.begins(part, &trouble).await;
    let reply = visitor.get(part.target).await;
    assert_eq!(reply.status, 200, "{said}");
    assert_eq!(front.got(part.header), None, "{said}");
    let Part { source, app, .. } = part;
    front.counts(&format!(
        r#"vestibule_source_calls_total{{account="demostore",outcome="{outcome}",source="{source}"}} "#
    ));
    front.counts(&format!(
        r#"vestibule_app_failures_total{{app="{app}",cause=""#
    ));
    if matches!(trouble, Trouble::Of(_)) && source != REGIONS {
        let region = front.got("x-session-region");
        assert_eq!(region.as_deref(), Some("v2.RIO"), "{said}: all the same");
    }
    front.ends(part, &trouble).await;
    front.shop.clock.advance(at(pause));
    let back = front.comes_back(part, &mut visitor).await;
    assert!(back, "{said}: back again\n{}", front.shop.metrics());
    front.platform.all_calls();
}

async fn none_costs_a_page(part: Part) {
    for trouble in troubles() {
        costs_no_page(part, trouble).await;
    }
}

#[tokio::test]
async fn no_fault_of_the_catalogue_costs_a_page() {
    none_costs_a_page(CATALOGUE).await;
}

#[tokio::test]
async fn no_fault_of_master_data_costs_a_page() {
    none_costs_a_page(CUSTOMER).await;
}

#[tokio::test]
async fn no_fault_of_the_search_for_a_user_costs_staff_the_page_or_the_wish() {
    none_costs_a_page(USER_BY_EMAIL).await;
}

#[tokio::test]
async fn no_fault_of_promotions_costs_a_page() {
    none_costs_a_page(AUDIENCES).await;
}

#[tokio::test]
async fn no_fault_of_the_checkout_costs_a_page() {
    none_costs_a_page(REGION).await;
}

#[tokio::test]
async fn no_fault_of_license_manager_costs_staff_the_page_or_a_wish_that_came_with_the_login() {
    none_costs_a_page(PERMISSION).await;
}

#[tokio::test]
async fn no_fault_of_the_logins_keys_costs_a_page_or_the_login() {
    none_costs_a_page(KEYS).await;
}

#[tokio::test]
async fn no_fault_of_the_logins_service_costs_a_page_or_the_login() {
    none_costs_a_page(VALIDATION).await;
}

#[tokio::test]
async fn a_platform_that_moves_is_found_at_its_new_place_without_a_restart() {
    for part in [
        CATALOGUE,
        CUSTOMER,
        USER_BY_EMAIL,
        AUDIENCES,
        REGION,
        PERMISSION,
        KEYS,
        VALIDATION,
    ] {
        let front = Front::of(part).await;
        front.comes(part).await.get(part.target).await;
        assert!(front.got(part.header).is_some(), "{part:?}");
        front.platform.all_calls();
        front.platform.kill().await;
        let front = Front {
            platform: Platform::start().await,
            ..front
        };
        front.shop.names.set(NAME, Some(front.platform.address));
        // What was said at the old place is too old by now, that of campaigns and keys is due.
        front.shop.clock.advance(at("1500:00"));
        front.tend().await;
        let mut visitor = front.comes(part).await;
        front.tend().await;
        assert_eq!(visitor.get(part.target).await.status, 200);
        assert!(front.got(part.header).is_some(), "{part:?}");
        let looked = front.looked(part.source);
        assert!(front.platform.calls(part.source) > 0, "{part:?} {looked:?}");
    }
}
