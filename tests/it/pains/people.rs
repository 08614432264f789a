//! Logins, logouts and impersonation: complaints 10 to 12.

use serde_json::json;

use super::{LOGIN, SESSIONS};
use crate::support::{SCRIPT, Shop, Shopper};

const STAFF: &str = "VtexIdclientAutCookie";

async fn impersonating(shop: &std::sync::Arc<Shop>) -> Shopper {
    let mut staff = Shopper::new(shop);
    staff.keep(STAFF, &shop.staff_token("agent@demostore.example"));
    let body = json!({"public": {
        "vtex-impersonated-customer-email": {"value": "ana@example.com"},
    }});
    staff
        .call(("POST", SESSIONS), SCRIPT, &body.to_string())
        .await;
    staff
}

#[tokio::test]
async fn pain_10_nothing_of_the_customer_stays_after_staff_logs_out() {
    let shop = Shop::start().await;
    let mut staff = impersonating(&shop).await;
    assert_eq!(
        staff.read("profile.email").await["profile"]["email"]["value"],
        "ana@example.com"
    );
    staff.forget(STAFF);
    let after = staff.read("*").await;
    for text in ["ana@example.com", "11111111-1111", "gold", "Lima"] {
        assert!(!after.to_string().contains(text), "{text} in {after}");
    }
    assert!(after.get("impersonate").is_none(), "{after}");
    assert_eq!(
        after["profile"],
        json!({"isAuthenticated": {"value": "false"}})
    );
}

#[tokio::test]
async fn pain_11_an_impersonation_loads_at_once_and_outlives_a_purchase() {
    let shop = Shop::start().await;
    let mut staff = impersonating(&shop).await;
    staff.keep("checkout.vtex.com", "__ofid=cart-1");
    for cart in ["cart-1", "cart-2"] {
        // A purchase gives the browser another cart.
        staff.keep("checkout.vtex.com", &format!("__ofid={cart}"));
        staff.get("/checkout").await;
        let seen = shop.origin.last();
        for (name, value) in [
            ("x-session-user-email", Some("ana@example.com")),
            ("x-session-price-tables", Some("gold")),
            ("x-session-impersonator", Some("agent@demostore.example")),
        ] {
            assert_eq!(seen.header(name), value, "{name} with {cart}");
        }
    }
    assert_eq!(
        staff.read("checkout.orderFormId").await["checkout"]["orderFormId"]["value"],
        "cart-2"
    );
}

#[tokio::test]
async fn pain_12_campaign_parameters_outlive_a_login_and_a_logout_as_the_store_chose() {
    for (over, kept) in [("", true), ("carry_over = [\"sc\"]\n", false)] {
        let shop = Shop::with(over).await;
        let mut shopper = Shopper::new(&shop);
        shopper
            .get("/?utm_source=newsletter&utmi_p=home&utmi_pc=banner")
            .await;
        let campaign = json!({
            "utm_source": {"value": "newsletter"},
            "utmi_p": {"value": "home"},
            "utmi_pc": {"value": "banner"},
        });
        shopper.keep(LOGIN, &shop.token("ana@example.com"));
        shopper.get("/").await;
        assert_eq!(shopper.read("public.*").await["public"], campaign);
        shopper.forget(LOGIN);
        shopper.get("/").await;
        let after = shopper.read("public.*").await;
        let expected = if kept {
            json!({"public": campaign})
        } else {
            json!({})
        };
        assert_eq!(after, expected, "{over:?}");
    }
}
