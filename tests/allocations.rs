//! How often the way of a request allocates. A count depends on no machine's speed.

#[cfg(test)]
#[path = "../benches/shared/requests.rs"]
mod requests;
#[cfg(test)]
#[path = "../benches/shared/shop.rs"]
mod shop;

#[cfg(test)]
mod tests {
    use allocation_counter::measure;
    use vestibule::domain::inputs::{InputRules, InputSettings, read_inputs};
    use vestibule::domain::session::SessionId;
    use vestibule::flow::{Issue, Lookup};

    use super::requests::{Request, auth_token, campaign_query, cookies};
    use super::shop::{Kind, Shop};

    /// The most that a request with nothing new may allocate.
    const MOST: u64 = 12;
    const SESSIONS: u64 = 500;

    /// The cache tidies up at times, on the thread of whoever comes by: the least of many requests
    /// is what a request itself takes.
    fn least(kind: Kind, shop: &Shop) -> u64 {
        let counts = (0..SESSIONS).map(|number| {
            let request = shop.request(number, kind);
            // A body's plans are made at its first request.
            drop(shop.pass_at_once(&request));
            let mut passed = None;
            let count = measure(|| passed = Some(shop.pass_at_once(&request)));
            let (decision, leaving) = passed.expect("the request went through");
            assert!(matches!(decision.trace.lookup, Lookup::Recognised { .. }));
            assert_eq!(decision.cookies.due, Issue::No);
            assert!(leaving.set_cookies.is_empty() && decision.trace.rounds.is_empty());
            assert_eq!(decision.authenticated, kind == Kind::Authenticated);
            count.count_total
        });
        counts.min().expect("there are sessions")
    }

    #[tokio::test]
    async fn a_request_with_nothing_new_allocates_at_most_twelve_times() {
        let shop = Shop::new();
        shop.fill_anonymous(SESSIONS).await;
        shop.fill_authenticated(SESSIONS).await;
        for kind in [Kind::Anonymous, Kind::Authenticated] {
            let count = least(kind, &shop);
            println!("{kind:?}, nothing new: {count} allocations");
            assert!(count <= MOST, "{kind:?}: {count}");
        }
    }

    /// A shopper who came by a campaign's link: their next request, and the session that it is of.
    async fn came_by(shop: &Shop, campaign: u64) -> (Request, SessionId) {
        let (decision, leaving) = shop.pass(&Shop::first_visit(campaign)).await;
        let token = leaving.token.expect("a first visit gets a cookie");
        let lines = cookies(None, Some(&token)).join("; ");
        let id = decision
            .trace
            .session
            .expect("a first visit gets a session");
        (Request::new(&[lines], Some(campaign_query(campaign))), id)
    }

    #[tokio::test]
    async fn a_session_whose_past_is_remembered_costs_a_request_no_allocation_more() {
        let shop = Shop::new();
        // These never went through a cycle here; of those below every one is remembered.
        shop.fill_anonymous(SESSIONS).await;
        let forgotten = least(Kind::Anonymous, &shop);
        let mut remembered = u64::MAX;
        for campaign in 0..50 {
            let (request, id) = came_by(&shop, campaign).await;
            let past = shop.shared.flow.past();
            assert_eq!(past.of(id).len(), 1);
            drop(shop.pass_at_once(&request));
            let count = measure(|| drop(shop.pass_at_once(&request)));
            remembered = remembered.min(count.count_total);
            assert_eq!(past.of(id).len(), 1, "nothing is noted of it");
        }
        println!("remembered: {remembered}, not remembered: {forgotten} allocations");
        assert_eq!(remembered, forgotten);
    }

    #[test]
    fn reading_a_request_without_anything_of_ours_allocates_nothing() {
        let rules = InputRules::try_new(&InputSettings::default()).unwrap();
        let strange: Vec<String> = cookies(None, None)
            .into_iter()
            .filter(|cookie| !cookie.starts_with("checkout.vtex.com"))
            .collect();
        let query = Some("map=c,c&O=OrderByTopSaleDESC&page=3".to_owned());
        for request in [
            Request::new(&[], None),
            Request::new(&[strange.join("; ")], query.clone()),
            Request::new(&strange, query),
        ] {
            let view = request.view();
            let count = measure(|| drop(read_inputs(&view, &rules)));
            assert_eq!(count.count_total, 0);
        }
    }

    #[test]
    fn reading_a_full_request_allocates_once_for_each_kind_of_input() {
        let settings = InputSettings {
            session_cookies: vec!["vtex_session".to_owned()],
            ..InputSettings::default()
        };
        let rules = InputRules::try_new(&settings).unwrap();
        let line = cookies(Some(&auth_token(1)), Some("token")).join("; ");
        let request = Request::new(&[line], Some(campaign_query(1)));
        let view = request.view();
        let count = measure(|| drop(read_inputs(&view, &rules)));
        println!("full request: {} allocations", count.count_total);
        assert_eq!(count.count_total, 3);
    }
}
