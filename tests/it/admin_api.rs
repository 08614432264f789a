//! The admin listener's JSON API: who may ask, what is told, and what is changed by it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vestibule::admin::{Access, Beside, Desk, router_of};
use vestibule::ports::Clock as _;

use crate::support::clock::at;
use crate::support::program::ask;
use crate::support::{Demo, Reply, Shop, Shopper};

const ANA: &str = "11111111-1111-4111-8111-111111111111";
const ANA_EMAIL: &str = "ana@example.com";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const EMBEDDED: &str = "[store]\nkind = \"embedded\"\npath = \"sessions\"\n";
const TOKEN: &str = "the-admin-token";
const BEARER: (&str, &str) = ("authorization", "Bearer the-admin-token");
const JSON: (&str, &str) = ("content-type", "application/json");
const HOST: &str = "admin.example";
const LOGIN: &str = "VtexIdclientAutCookie_demostore";
const LATEST: &str = "/api/sessions/latest";

/// The listener of a shop, with everything that a process has.
struct Admin {
    desk: Desk,
    router: Router,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}", self.text))
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }
}

impl Admin {
    fn of(shop: &Shop) -> Self {
        let beside = Beside {
            reloads: Some(shop.reloads()),
            ..Beside::default()
        };
        let access = Access::Token(TOKEN.into());
        let desk = Desk::with(Arc::clone(&shop.shared), access, beside);
        let router = router_of(desk.clone());
        Self { desk, router }
    }

    async fn ask(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", HOST);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer {
            status,
            headers,
            text,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask(("GET", path), &[BEARER], "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    async fn found(&self, find: &str) -> Vec<Value> {
        let find: String = url::form_urlencoded::byte_serialize(find.as_bytes()).collect();
        let said = self.get(&format!("/api/sessions?find={find}")).await;
        assert_eq!(said["more"], false);
        said["found"].as_array().unwrap().clone()
    }

    async fn explain(&self, question: Value) -> Answer {
        let text = question.to_string();
        self.ask(("POST", "/api/explain"), &[BEARER, JSON], &text)
            .await
    }
}

fn session_id(shop: &Shop) -> String {
    shop.origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned()
}

fn path_of(id: &str) -> String {
    format!("/api/accounts/demostore/sessions/{id}")
}

/// Everything that is read.
fn reads(id: &str) -> [String; 10] {
    [
        "/api/openapi.json".to_owned(),
        "/api/overview".to_owned(),
        "/api/history".to_owned(),
        format!("/api/sessions?find={id}"),
        "/api/sessions/latest".to_owned(),
        path_of(id),
        format!("{}/cycles", path_of(id)),
        "/api/accounts/demostore/graph".to_owned(),
        "/api/apps".to_owned(),
        "/api/configuration".to_owned(),
    ]
}

#[tokio::test]
async fn nothing_is_told_or_done_without_the_token() {
    let shop = Shop::start().await;
    Shopper::new(&shop).get("/").await;
    let (admin, id) = (Admin::of(&shop), session_id(&shop));
    let changes = [
        ("DELETE", path_of(&id)),
        ("POST", "/api/explain".to_owned()),
        ("POST", "/api/logout".to_owned()),
        (
            "POST",
            format!("/accounts/demostore/principals/{ANA}/erase"),
        ),
        (
            "DELETE",
            format!("/accounts/demostore/principals/{ANA}/sessions"),
        ),
    ];
    let all = reads(&id)
        .map(|path| ("GET", path))
        .into_iter()
        .chain(changes);
    for (method, path) in all {
        for headers in [
            &[][..],
            &[("authorization", "Bearer wrong")],
            &[("cookie", "vestibule_console=forged")],
        ] {
            let answer = admin.ask((method, &path), headers, "").await;
            assert_eq!(answer.status, 401, "{method} {path} {headers:?}");
            assert_eq!(answer.code(), "unauthorised");
        }
    }
    for path in reads(&id) {
        let answer = admin.ask(("GET", &path), &[BEARER], "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        let other = admin.ask(("PUT", &path), &[BEARER], "").await;
        assert_eq!((other.status, other.code().as_str()), (405, "wrong_method"));
    }
}

#[tokio::test]
async fn a_login_with_the_token_holds_until_it_is_ended_and_for_pages_of_this_listener_alone() {
    let shop = Shop::start().await;
    let admin = Admin::of(&shop);
    let login = ("POST", "/api/login");
    let shown = format!("{{\"token\":\"{TOKEN}\"}}");
    let refused = [
        (&[JSON][..], "{\"token\":\"wrong\"}", 401, "wrong_token"),
        (&[], &shown, 400, "malformed"),
        (&[JSON], "{}", 400, "malformed"),
        (
            &[JSON, ("origin", "https://evil.example")],
            &shown,
            403,
            "foreign_origin",
        ),
    ];
    for (headers, body, status, code) in refused {
        let answer = admin.ask(login, headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(answer.headers.get("set-cookie"), None);
    }
    let own = ("origin", "https://admin.example");
    let answer = admin.ask(login, &[JSON, own], &shown).await;
    assert_eq!(answer.status, 204);
    let line = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        line.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"),
        "{line}"
    );
    let (pair, _) = line.split_once(';').unwrap();
    let cookie = ("cookie", pair);
    let overview = ("GET", "/api/overview");
    assert_eq!(admin.ask(overview, &[cookie], "").await.status, 200);
    let end = ("DELETE", path_of(NOBODY));
    let end = (end.0, end.1.as_str());
    for (headers, status) in [
        (&[cookie][..], 403),
        (&[cookie, ("origin", "https://evil.example")], 403),
        (&[cookie, ("sec-fetch-site", "cross-site")], 403),
        (&[cookie, own], 404),
        (&[cookie, ("sec-fetch-site", "same-origin")], 404),
    ] {
        assert_eq!(
            admin.ask(end, headers, "").await.status,
            status,
            "{headers:?}"
        );
    }
    let out = admin.ask(("POST", "/api/logout"), &[cookie, own], "").await;
    assert_eq!(out.status, 204);
    assert!(
        out.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(admin.ask(overview, &[cookie], "").await.status, 401);
    for outcome in ["token", "refused", "ended"] {
        let told = format!("vestibule_console_logins_total{{outcome=\"{outcome}\"}} 1");
        assert!(shop.metrics().contains(&told), "{told}");
    }
}

#[tokio::test]
async fn whoever_guesses_at_the_token_is_heard_ten_times_a_minute() {
    let shop = Shop::start().await;
    let admin = Admin::of(&shop);
    for expected in [401; 10].into_iter().chain([429]) {
        let body = "{\"token\":\"guess\"}";
        let answer = admin.ask(("POST", "/api/login"), &[JSON], body).await;
        assert_eq!(answer.status, expected);
    }
    shop.clock.advance(Duration::from_mins(1));
    let body = format!("{{\"token\":\"{TOKEN}\"}}");
    let answer = admin.ask(("POST", "/api/login"), &[JSON], &body).await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn sessions_are_found_by_id_by_person_by_email_and_by_token() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        let mut ana = Shopper::known(&shop, "ana@example.com");
        ana.get("/?sc=3").await;
        let (admin, id) = (Admin::of(&shop), session_id(&shop));
        let token = ana.cookie("vtex_session").unwrap().to_owned();
        Shopper::known(&shop, "bruno@example.com").get("/").await;
        for (find, via) in [
            (id.as_str(), "id"),
            (ANA, "principal"),
            ("Ana@Example.com", "email"),
            (&token, "token"),
        ] {
            let found = admin.found(find).await;
            assert_eq!(found.len(), 1, "{via}");
            let one = &found[0];
            assert_eq!((&one["id"], &one["via"]), (&json!(id), &json!(via)));
            assert_eq!(
                (&one["kind"], &one["principal"], &one["email"]),
                (&json!("shopper"), &json!(ANA), &json!(ANA_EMAIL))
            );
            assert_eq!(
                (&one["account"], &one["channel"]),
                (&json!("demostore"), &json!("3"))
            );
            assert!(one["createdAt"].as_i64() <= one["seenAt"].as_i64());
            assert!(one["seenAt"].as_i64() < one["endsAt"].as_i64());
        }
        for nobody in [NOBODY, "nobody@example.com", "somebody"] {
            assert_eq!(admin.found(nobody).await, Vec::<Value>::new());
        }
    }
}

#[tokio::test]
async fn of_one_persons_many_sessions_a_page_is_told_at_a_time_and_those_over_come_last() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        let admin = Admin::of(&shop);
        let mut told = Vec::new();
        for _ in 0..5 {
            shop.clock.advance(at("0:10"));
            let mut ana = Shopper::known(&shop, ANA_EMAIL);
            ana.get("/").await;
            told.insert(0, session_id(&shop));
        }
        for (over, place) in [(1, 4), (2, 3)] {
            let id = told.remove(over);
            shop.clock.advance(at("0:10"));
            let end = admin.ask(("DELETE", &path_of(&id)), &[BEARER], "").await;
            assert_eq!(end.status, 204);
            // The one that ended last comes before the other.
            told.insert(place, id);
        }
        let (mut ids, mut after) = (Vec::new(), String::new());
        for left in [3, 1, 0] {
            let page = admin
                .get(&format!("/api/sessions?find={ANA}&limit=2{after}"))
                .await;
            assert_eq!(
                (&page["total"], &page["more"]),
                (&json!(5), &json!(left > 0))
            );
            let found = page["found"].as_array().unwrap();
            ids.extend(
                found
                    .iter()
                    .map(|one| one["id"].as_str().unwrap().to_owned()),
            );
            after = match page["next"].as_str() {
                Some(next) => format!("&after={next}"),
                None => String::new(),
            };
            assert_eq!(after.is_empty(), left == 0);
        }
        assert_eq!(ids, told, "{store}");
        for wrong in ["after=12", "after=over", "limit=0", "limit=101"] {
            let path = format!("/api/sessions?find={ANA}&{wrong}");
            let answer = admin.ask(("GET", &path), &[BEARER], "").await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"));
        }
    }
}

#[tokio::test]
async fn the_latest_sessions_are_told_by_kind_a_page_at_a_time_and_those_over_as_over() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        let admin = Admin::of(&shop);
        let mut told = Vec::new();
        for email in ["", "ana@example.com", "bruno@example.com", "", ""] {
            shop.clock.advance(at("1:00"));
            let mut shopper = if email.is_empty() {
                Shopper::new(&shop)
            } else {
                Shopper::known(&shop, email)
            };
            shopper.get("/?sc=2").await;
            told.insert(0, session_id(&shop));
        }
        let ids = |answer: &Value| -> Vec<String> {
            let all = answer["sessions"].as_array().unwrap().iter();
            all.map(|one| one["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let all = admin.get(LATEST).await;
        assert_eq!(ids(&all), told);
        let total = if store.is_empty() {
            json!(5)
        } else {
            Value::Null
        };
        assert_eq!(
            (&all["here"], &all["total"], &all["next"], &all["complete"]),
            (&json!(5), &total, &Value::Null, &json!(true))
        );
        let one = &all["sessions"][3];
        assert_eq!(
            (
                &one["kind"],
                &one["principal"],
                &one["email"],
                &one["channel"],
                &one["via"]
            ),
            (
                &json!("shopper"),
                &json!(ANA),
                &json!(ANA_EMAIL),
                &json!("2"),
                &json!("latest")
            )
        );
        let shoppers = admin
            .get(&format!("{LATEST}?kind=shopper&account=demostore"))
            .await;
        assert_eq!(ids(&shoppers), told[2..4]);
        let first = admin.get(&format!("{LATEST}?limit=2")).await;
        assert_eq!(ids(&first), told[..2]);
        let next = first["next"].as_str().unwrap();
        let second = admin.get(&format!("{LATEST}?limit=2&after={next}")).await;
        assert_eq!(ids(&second), told[2..4]);
        // Nobody came back to notice that these are over.
        shop.clock.advance(at("60:00"));
        let over = admin.get(LATEST).await;
        assert_eq!(over["sessions"][0]["ended"]["reason"], "idle");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_with_the_reason() {
    let shop = Shop::start().await;
    let admin = Admin::of(&shop);
    for (method, path, status, code) in [
        ("GET", "/api/sessions".to_owned(), 400, "malformed"),
        ("GET", "/api/sessions?find=%20".to_owned(), 400, "malformed"),
        (
            "GET",
            "/api/sessions?find=x&account=other".to_owned(),
            404,
            "no_account",
        ),
        ("GET", LATEST.to_owned() + "?kind=robot", 400, "malformed"),
        ("GET", LATEST.to_owned() + "?after=12", 400, "malformed"),
        ("GET", LATEST.to_owned() + "?limit=0", 400, "malformed"),
        ("GET", LATEST.to_owned() + "?limit=101", 400, "malformed"),
        ("GET", LATEST.to_owned() + "?limit=many", 400, "malformed"),
        (
            "GET",
            LATEST.to_owned() + "?account=other",
            404,
            "no_account",
        ),
        ("GET", path_of("nonsense"), 400, "malformed_id"),
        (
            "DELETE",
            path_of(&NOBODY.replace('8', "A")),
            400,
            "malformed_id",
        ),
        ("GET", path_of(NOBODY), 404, "no_session"),
        ("DELETE", path_of(NOBODY), 404, "no_session"),
        (
            "GET",
            format!("{}/cycles", path_of(NOBODY)),
            404,
            "no_session",
        ),
        (
            "GET",
            path_of(NOBODY).replace("demostore", "other"),
            404,
            "no_account",
        ),
        (
            "GET",
            "/api/accounts/other/graph".to_owned(),
            404,
            "no_account",
        ),
    ] {
        let answer = admin.ask((method, &path), &[BEARER], "").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{path}"
        );
    }
}

fn value_of<'a>(session: &'a Value, namespace: &str, key: &str) -> &'a Value {
    let values = session["values"].as_array().unwrap();
    let mut values = values.iter();
    let is = |one: &&Value| one["namespace"] == namespace && one["key"] == key;
    values
        .find(is)
        .unwrap_or_else(|| panic!("{namespace}.{key}: {session}"))
}

#[tokio::test]
async fn each_value_of_a_session_says_who_wrote_it_when_and_because_of_what() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let admin = Admin::of(&shop);
    shopper.get("/?sc=2&utm_campaign=blackfriday").await;
    let id = session_id(&shop);
    let session = admin.get(&path_of(&id)).await;
    assert_eq!(session["provenance"], "remembered");
    let channel = value_of(&session, "store", "channel");
    assert_eq!(channel["value"], "2");
    assert_eq!(channel["writer"], json!({"kind": "app", "name": "store"}));
    assert_eq!(
        (&channel["cycle"], &channel["round"]),
        (&json!(0), &json!(1))
    );
    let sc = json!({"namespace": "public", "key": "sc", "value": "2"});
    assert_eq!(channel["because"], json!([sc]));
    assert_eq!(
        value_of(&session, "public", "sc")["writer"]["kind"],
        "request"
    );
    let account = value_of(&session, "account", "accountName");
    assert_eq!(
        (&account["writer"]["kind"], &account["cycle"]),
        (&json!("default"), &json!(1))
    );
    let campaigns = value_of(&session, "rnb", "campaigns");
    assert_eq!(campaigns["writer"]["name"], "rnb");
    // What is told is the document as the Session API answers it.
    let read = shopper
        .call(("GET", "/api/sessions?items=*"), crate::support::SCRIPT, "")
        .await;
    assert_eq!(session["document"]["namespaces"], read.json()["namespaces"]);
    let cycles = admin.get(&format!("{}/cycles", path_of(&id))).await;
    let [latest, first] = cycles["cycles"].as_array().unwrap().as_slice() else {
        panic!("{cycles}");
    };
    assert_eq!(
        (&latest["trigger"], &first["trigger"]),
        (&json!("page"), &json!("first_visit"))
    );
    assert_eq!(
        (&latest["settled"], &first["asked"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(first["rounds"][0]["number"], 0);
    let round = &latest["rounds"][0];
    assert!(
        round["parameters"].to_string().contains("\"after\":\"2\""),
        "{round}"
    );
    let store = &round["apps"][0];
    assert_eq!(
        (&store["name"], &store["outcome"]),
        (&json!("store"), &json!("answered"))
    );
    assert!(store["tookMs"].is_number() && store["error"].is_null());
    // Nothing new: no further cycle.
    shopper.get("/").await;
    let again = admin.get(&format!("{}/cycles", path_of(&id))).await;
    assert_eq!(again["cycles"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_login_gives_another_id_and_what_came_before_it_is_still_told() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?sc=2").await;
    let before = session_id(&shop);
    shopper.keep(
        "VtexIdclientAutCookie_demostore",
        &shop.token("ana@example.com"),
    );
    shopper.get("/").await;
    let (admin, id) = (Admin::of(&shop), session_id(&shop));
    assert_ne!(before, id);
    let cycles = admin.get(&format!("{}/cycles", path_of(&id))).await;
    assert_eq!(cycles["cycles"][0]["from"], json!(before));
    assert_eq!(cycles["cycles"].as_array().unwrap().len(), 2);
    let session = admin.get(&path_of(&id)).await;
    let email = value_of(&session, "profile", "email");
    assert_eq!(email["writer"]["name"], "profile");
    assert_eq!(value_of(&session, "public", "sc")["cycle"], 1);
    let told = cycles.to_string();
    assert!(told.contains("(kept as a hash)") && !told.contains("eyJ"));
    // Whoever is erased is in nothing that is remembered.
    let erase = format!("/accounts/demostore/principals/{ANA}/erase");
    assert_eq!(admin.ask(("POST", &erase), &[BEARER], "").await.status, 200);
    let [entries, ..] = shop.shared.flow.past().size();
    assert_eq!(entries, 0);
}

#[tokio::test]
async fn where_nothing_is_remembered_a_session_is_worked_out_anew_and_says_so() {
    let shop = Shop::with(EMBEDDED).await;
    let mut ana = Shopper::known(&shop, "ana@example.com");
    ana.get("/?sc=3").await;
    let id = session_id(&shop);
    drop(ana);
    let shop = shop.restarted();
    let admin = Admin::of(&shop);
    let session = admin.get(&path_of(&id)).await;
    assert_eq!(session["provenance"], "worked_out_anew");
    let channel = value_of(&session, "store", "channel");
    assert_eq!(
        (&channel["value"], &channel["writer"]["name"]),
        (&json!("3"), &json!("store"))
    );
    let email = value_of(&session, "profile", "email");
    assert_eq!(email["writer"], json!({"kind": "app", "name": "profile"}));
    assert_eq!(
        value_of(&session, "public", "sc")["writer"]["kind"],
        "unknown"
    );
    let cycles = admin.get(&format!("{}/cycles", path_of(&id))).await;
    assert_eq!(cycles["cycles"][0]["trigger"], "worked_out_anew");
    // Nothing of it is kept.
    assert_eq!(
        admin.get(&path_of(&id)).await["version"],
        session["version"]
    );
    assert_eq!(shop.shared.flow.past().size()[0], 0);
}

#[tokio::test]
async fn a_session_that_an_operator_ends_is_nobodys_any_more() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        let mut ana = Shopper::known(&shop, "ana@example.com");
        ana.get("/").await;
        let (admin, id) = (Admin::of(&shop), session_id(&shop));
        let end = path_of(&id);
        assert_eq!(admin.ask(("DELETE", &end), &[BEARER], "").await.status, 204);
        let again = admin.ask(("DELETE", &end), &[BEARER], "").await;
        assert_eq!((again.status, again.code().as_str()), (404, "no_session"));
        ana.get("/").await;
        assert_eq!(shop.origin.last().header("x-session-user-id"), None);
        let told = r#"vestibule_sessions_ended_total{reason="revoked"} 1"#;
        assert!(shop.metrics().contains(told));
    }
}

/// What is said of a session that is over, found by its id and shown by its path.
async fn ended(admin: &Admin, id: &str) -> Value {
    let shown = admin.get(&path_of(id)).await;
    let found = admin.found(id).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["ended"], shown["ended"]);
    assert_eq!(
        (&found[0]["id"], &shown["id"], &shown["document"]),
        (&json!(id), &json!(id), &Value::Null),
        "{shown}"
    );
    let end = admin.ask(("DELETE", &path_of(id)), &[BEARER], "").await;
    assert_eq!(end.status, 404, "it is over");
    shown["ended"].clone()
}

#[tokio::test]
async fn of_a_session_that_is_over_it_is_told_why_and_what_came_after_it() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        let mut ana = Shopper::new(&shop);
        let first = shop.clock.now().as_millis();
        ana.get("/?sc=2").await;
        let (admin, stranger) = (Admin::of(&shop), session_id(&shop));
        shop.clock.advance(Duration::from_secs(5));
        let login = shop.clock.now().as_millis();
        ana.keep("VtexIdclientAutCookie_demostore", &shop.token(ANA_EMAIL));
        ana.get("/").await;
        let known = session_id(&shop);
        let expected = json!({"reason": "replaced", "at": login, "successor": known});
        assert_eq!(ended(&admin, &stranger).await, expected);
        // When it began is known by the cycle that gave it another id, which was its last use.
        let was = json!({"kind": "anonymous", "createdAt": first, "seenAt": login});
        assert_eq!(admin.get(&path_of(&stranger)).await["was"], was);

        shop.clock.advance(Duration::from_secs(5));
        let logout = shop.clock.now().as_millis();
        ana.forget("VtexIdclientAutCookie_demostore");
        ana.get("/").await;
        let after = session_id(&shop);
        let cause = json!({
            "kind": "no_login_cookie",
            "tokenEndsAt": login + 24 * 60 * 60 * 1000,
            "request": {"method": "GET", "path": "/"},
        });
        let expected =
            json!({"reason": "logout", "at": logout, "successor": after, "cause": cause});
        assert_eq!(ended(&admin, &known).await, expected);
        // By whose it was, and what it went through.
        let found = admin.found(ANA_EMAIL).await;
        assert_eq!((found.len(), &found[0]["id"]), (1, &json!(known)));
        assert_eq!(
            (&found[0]["via"], &found[0]["ended"]),
            (&json!("email"), &expected)
        );
        let cycles = admin.get(&format!("{}/cycles", path_of(&known))).await;
        assert_eq!(cycles["provenance"], "remembered");
        assert_eq!(cycles["cycles"][0]["session"], json!(known));

        // Nobody has come back yet: the limit alone has ended it.
        shop.clock.advance(at("26:30"));
        let limit = 25 * 60 * 1000;
        let expected = json!({"reason": "idle", "at": logout + limit, "limitMs": limit});
        assert_eq!(ended_unnoticed(&admin, &after).await, expected);
        ana.get("/").await;
        let told = ended(&admin, &after).await;
        assert_eq!(told["reason"], "idle");
        assert_eq!(
            (&told["at"], &told["successor"]),
            (&expected["at"], &json!(session_id(&shop)))
        );

        let last = session_id(&shop);
        let end = admin.ask(("DELETE", &path_of(&last)), &[BEARER], "").await;
        assert_eq!(end.status, 204);
        let now = shop.clock.now().as_millis();
        let expected = json!({"reason": "revoked", "at": now, "cause": {"kind": "operator"}});
        assert_eq!(ended(&admin, &last).await, expected);
    }
}

/// The same where the store has not heard yet that it is over.
async fn ended_unnoticed(admin: &Admin, id: &str) -> Value {
    admin.get(&path_of(id)).await["ended"].clone()
}

#[tokio::test]
async fn a_logout_is_told_from_a_login_after_a_restart_and_nothing_is_told_of_whoever_is_erased() {
    let shop = Shop::with(EMBEDDED).await;
    let mut ana = Shopper::new(&shop);
    ana.get("/?sc=2").await;
    let stranger = session_id(&shop);
    ana.keep("VtexIdclientAutCookie_demostore", &shop.token(ANA_EMAIL));
    ana.get("/").await;
    let known = session_id(&shop);
    ana.forget("VtexIdclientAutCookie_demostore");
    ana.get("/").await;
    drop(ana);
    let shop = shop.restarted();
    let admin = Admin::of(&shop);
    assert_eq!(ended(&admin, &known).await["reason"], "logout");
    assert_eq!(ended(&admin, &stranger).await["reason"], "replaced");
    let cycles = admin.get(&format!("{}/cycles", path_of(&known))).await;
    assert_eq!(cycles["cycles"], json!([]), "nothing is worked out");

    let mut ana = Shopper::known(&shop, ANA_EMAIL);
    ana.get("/").await;
    let id = session_id(&shop);
    let erase = format!("/accounts/demostore/principals/{ANA}/erase");
    assert_eq!(admin.ask(("POST", &erase), &[BEARER], "").await.status, 200);
    let answer = admin.ask(("GET", &path_of(&id)), &[BEARER], "").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "no_session"));
    assert_eq!(admin.found(&id).await, Vec::<Value>::new());
    assert!(shop.shared.flow.past().last_parting().is_none());
}

#[tokio::test]
async fn a_logout_says_which_it_was_by_which_request_and_whose_session_it_was() {
    let shop = Shop::start().await;
    let admin = Admin::of(&shop);
    let begun = shop.clock.now().as_millis();
    let life = Duration::from_mins(1);
    let cookie = shop.token_of(ANA_EMAIL, "demostore", life);
    let mut ana = Shopper::new(&shop);
    ana.keep(LOGIN, &cookie);
    ana.get("/").await;
    let ran_out = session_id(&shop);
    shop.clock.advance(Duration::from_mins(5));
    let over = shop.clock.now().as_millis();
    ana.get("/sale/shoes?secret=word").await;
    let told = ended(&admin, &ran_out).await;
    assert_eq!(
        told["cause"],
        json!({
            "kind": "login_ran_out",
            "tokenEndsAt": begun + 60_000,
            "request": {"method": "GET", "path": "/sale/shoes"},
        })
    );
    let shown = admin.get(&path_of(&ran_out)).await;
    assert_eq!(
        shown["was"],
        json!({
            "kind": "shopper",
            "principal": ANA,
            "email": ANA_EMAIL,
            "createdAt": begun,
            "seenAt": over,
        })
    );
}

#[tokio::test]
async fn a_refused_login_cookie_and_a_login_that_ended_elsewhere_are_told_apart() {
    let shop = Shop::start().await;
    let admin = Admin::of(&shop);
    // A cookie whose signature does not fit, in place of one that was good.
    let mut ana = Shopper::known(&shop, ANA_EMAIL);
    ana.get("/").await;
    let refused = session_id(&shop);
    let good = shop.token(ANA_EMAIL);
    let (content, _) = good.rsplit_once('.').unwrap();
    ana.keep(LOGIN, &format!("{content}.{}", "A".repeat(86)));
    ana.get("/").await;
    let cause = ended(&admin, &refused).await["cause"].clone();
    let said = (&cause["kind"], &cause["detail"]);
    assert_eq!(said, (&json!("login_refused"), &json!("bad_signature")));

    // One login on two devices, and an operator ends one of its sessions.
    let good = shop.token(ANA_EMAIL);
    let (mut one, mut other) = (Shopper::new(&shop), Shopper::new(&shop));
    one.keep(LOGIN, &good);
    one.get("/").await;
    let first = session_id(&shop);
    other.keep(LOGIN, &good);
    other.get("/").await;
    let second = session_id(&shop);
    assert_ne!(first, second);
    let end = admin.ask(("DELETE", &path_of(&first)), &[BEARER], "").await;
    assert_eq!(end.status, 204);
    other.get("/").await;
    let cause = ended(&admin, &second).await["cause"].clone();
    let said = (&cause["kind"], &cause["detail"]);
    assert_eq!(said, (&json!("login_ended_elsewhere"), &json!("revoked")));
}

#[tokio::test]
async fn a_request_without_the_login_is_explained_as_a_logout_or_as_her_browser_would_send_it() {
    let shop = Shop::start().await;
    let mut ana = Shopper::known(&shop, ANA_EMAIL);
    ana.get("/").await;
    let (admin, id) = (Admin::of(&shop), session_id(&shop));
    let raw = "GET / HTTP/1.1\nHost: shop.example\n\n";
    let question = json!({"request": raw, "session": id});
    let bare = admin.explain(question).await.json();
    let said = bare["summary"][0][1].as_str().unwrap();
    let expected = "This request carries no login cookie: sent like this, it would log the shopper out. What follows is the new anonymous session that would take its place.";
    assert_eq!(said, expected);
    let question = json!({"request": raw, "session": id, "absentCookies": "unchanged"});
    let hers = admin.explain(question).await.json();
    let said = hers["summary"][0][1].as_str().unwrap();
    assert_eq!(
        said,
        "The session of this request lives and would go on: nothing changes in it."
    );
    let headers = hers["upstream_headers"].to_string();
    assert!(headers.contains(ANA), "{headers}");
    // Her login was looked at when she came, and not for these.
    assert_eq!(
        (&bare["lookups"], &hers["lookups"]),
        (&json!([]), &json!([]))
    );
    let question = json!({"request": raw, "session": id, "absentCookies": "kept"});
    assert_eq!(admin.explain(question).await.status, 400);
}

#[tokio::test]
async fn a_request_is_explained_as_it_would_be_answered_and_nothing_is_changed() {
    let shop = Shop::start().await;
    let mut ana = Shopper::known(&shop, "ana@example.com");
    ana.get("/").await;
    let (admin, id) = (Admin::of(&shop), session_id(&shop));
    let before = admin.get(&path_of(&id)).await;
    let census = shop.shared.flow.census();
    let raw = "GET /?sc=2 HTTP/1.1\nHost: shop.example\n\n";
    let curl = "curl -s 'http://shop.example/?sc=2'";
    let said = admin.explain(json!({"request": raw})).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let said = said.json();
    let verdict = json!(["verdict", "it goes on to the store", "forward"]);
    assert_eq!(said["verdict"][0], verdict);
    assert!(
        said["changed"]
            .to_string()
            .contains("[\"store.channel\",\"\\\"2\\\"\"]"),
        "{said}"
    );
    let by_curl = admin.explain(json!({"request": curl})).await.json();
    assert_eq!(by_curl["changed"], said["changed"]);
    // By her login and the session that the process holds.
    let cookies = format!(
        "vtex_session={}; VtexIdclientAutCookie_demostore={}",
        ana.cookie("vtex_session").unwrap(),
        ana.cookie("VtexIdclientAutCookie_demostore").unwrap(),
    );
    let hers = format!("GET /?sc=3 HTTP/1.1\nHost: shop.example\nCookie: {cookies}\n\n");
    let login = format!(
        "GET /?sc=3 HTTP/1.1\nHost: shop.example\nCookie: VtexIdclientAutCookie_demostore={}\n\n",
        ana.cookie("VtexIdclientAutCookie_demostore").unwrap(),
    );
    for question in [
        json!({"request": hers}),
        json!({"request": login, "session": id}),
    ] {
        let said = admin.explain(question).await;
        assert_eq!(said.status, 200, "{}", said.text);
        for secret in ["vtex_session", "VtexIdclientAutCookie_demostore"] {
            assert!(!said.text.contains(ana.cookie(secret).unwrap()), "{secret}");
        }
        let said = said.json();
        assert_eq!(said["lookup"][0][1], "recognised by the cookie's hash");
        let changed = said["changed"].to_string();
        assert!(
            changed.contains("[\"store.channel\",\"\\\"3\\\"\"]"),
            "{said}"
        );
    }
    assert_eq!(shop.shared.flow.census(), census);
    let after = admin.get(&path_of(&id)).await;
    assert_eq!(
        (&after["version"], &after["document"]),
        (&before["version"], &before["document"])
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_explained_is_refused_with_the_reason() {
    let shop = Shop::start().await;
    let admin = Admin::of(&shop);
    let raw = "GET /?sc=2 HTTP/1.1\nHost: shop.example\n\n";
    for (question, status, code) in [
        (
            json!({"request": "curl -F a=b shop.example"}),
            400,
            "malformed_request",
        ),
        (
            json!({"request": "GET / HTTP/1.1\nno colon"}),
            400,
            "malformed_request",
        ),
        (
            json!({"request": raw.replace("shop.", "other.")}),
            400,
            "not_admitted",
        ),
        (
            json!({"request": raw, "account": "other"}),
            400,
            "another_account",
        ),
        (json!({"request": raw, "session": "x"}), 400, "malformed_id"),
        (
            json!({"request": raw, "session": NOBODY}),
            404,
            "no_session",
        ),
        (json!({"request": raw, "unknown": 1}), 400, "malformed"),
        (json!({"request": "x".repeat(70_000)}), 413, "too_large"),
    ] {
        let answer = admin.explain(question).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_reload_tells_what_it_changed_or_why_it_was_refused() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    let beside = Beside {
        reloads: Some(Arc::clone(&reloads)),
        ..Beside::default()
    };
    let desk = Desk::with(
        Arc::clone(&shop.shared),
        Access::Token(TOKEN.into()),
        beside,
    );
    let router = router_of(desk.clone());
    let admin = Admin { desk, router };
    let configuration = "/api/configuration";
    let first = admin.get(configuration).await;
    assert_eq!(first["lastReload"], Value::Null);
    assert!(
        first["text"]
            .as_str()
            .unwrap()
            .contains("name = \"demostore\"")
    );
    shop.rewrite("shop.toml", |text| {
        text.replace("touch = false", "touch = true")
    });
    reloads.reload().await;
    let second = admin.get(configuration).await;
    let last = &second["lastReload"];
    assert_eq!((&last["ok"], &last["problems"]), (&json!(true), &json!([])));
    let changed = &last["changed"][0];
    assert_eq!(changed["path"], "account.demostore.route./poll.touch");
    assert_eq!(
        (&changed["before"], &changed["after"]),
        (&json!(false), &json!(true))
    );
    shop.rewrite("shop.toml", |text| {
        text.replace("touch = true", "touch = \"yes\"")
    });
    reloads.reload().await;
    let third = admin.get(configuration).await;
    assert_eq!(third["lastReload"]["ok"], false);
    let problems = third["lastReload"]["problems"].to_string();
    assert!(problems.contains("touch"), "{problems}");
    assert_eq!(third["effective"], second["effective"]);
    // Which value is set, and where, is told in the same shape; what is set nowhere is a default.
    let origin = |key: &str| third["origins"].pointer(key).cloned();
    let file = origin("/account/0/id").unwrap();
    assert!(file.as_str().unwrap().ends_with("shop.toml"), "{file}");
    assert_eq!(origin("/server/watch"), None);
    let told = third["origins"].to_string();
    assert!(!told.contains("demostore"), "no value: {told}");
}

#[tokio::test]
async fn the_last_hour_and_the_apps_are_told_as_they_were_counted() {
    let shop = Shop::start().await;
    let admin = Admin::of(&shop);
    admin.desk.measure();
    Shopper::new(&shop).get("/?sc=2").await;
    shop.clock.advance(vestibule::admin::STEP);
    admin.desk.measure();
    let history = admin.get("/api/history").await;
    let point = &history["points"][0];
    assert_eq!(
        (&history["stepMs"], &point["requests"]),
        (&json!(10_000), &json!(1))
    );
    assert_eq!(point["sessions"], 1);
    let bounds = history["boundsMs"].as_array().unwrap().len();
    let lengths = point["lengths"].as_array().unwrap();
    assert_eq!(lengths.len(), bounds + 1, "{point}");
    shop.mood.fail_campaigns();
    Shopper::new(&shop)
        .get("/?sc=2&utm_source=newsletter")
        .await;
    let apps = admin.get("/api/apps").await;
    let apps = apps["apps"].as_array().unwrap();
    assert_eq!(apps.len(), 6);
    let store = apps.iter().find(|app| app["name"] == "store").unwrap();
    assert_eq!(
        (&store["kind"], &store["breaker"]),
        (&json!("built_in"), &json!("none"))
    );
    assert!(store["calls"].as_i64().unwrap() >= 2, "{store}");
    // Of so few calls the longest is known, and what one of a hundred takes is not.
    let latency = &store["latencyMs"];
    assert!(latency["longest"].as_f64().unwrap() > 0.0, "{store}");
    assert_eq!(
        (&latency["count"], &latency["p99"]),
        (&store["calls"], &Value::Null)
    );
    let by_memo = store["fromMemo"].as_i64();
    assert!(by_memo.is_some(), "{store}");
    Shopper::new(&shop).get("/?sc=2").await;
    let again = admin.get("/api/apps").await;
    let again = again["apps"].as_array().unwrap();
    let again = again.iter().find(|app| app["name"] == "store").unwrap();
    assert!(again["fromMemo"].as_i64() > by_memo, "{again}");
    assert_eq!(again["calls"], store["calls"]);
    let failing = apps.iter().find(|app| app["failures"] != 0).unwrap();
    assert!(failing["errorRate"].as_f64().unwrap() > 0.0, "{failing}");
    let message = failing["lastErrors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("not available"), "{message}");
    let graph = admin.get("/api/accounts/demostore/graph").await;
    let edge = json!({"from": "namespace/public", "to": "app/store", "key": "sc"});
    assert!(
        graph["edges"].as_array().unwrap().contains(&edge),
        "{graph}"
    );
    let input = json!({"id": "namespace/cookie", "name": "cookie", "kind": "input"});
    assert!(
        graph["nodes"].as_array().unwrap().contains(&input),
        "{graph}"
    );
}

/// What the description says an answer is.
fn schema_of(described: &Value, path: &str, method: &str, status: u16) -> Value {
    let answer = &described["paths"][path][method]["responses"][status.to_string()];
    let schema = &answer["content"]["application/json"]["schema"];
    json!({"allOf": [schema], "components": described["components"]})
}

/// A demo that somebody entered by its link, and one visit of its store.
struct Entered {
    demo: Demo,
    /// The link's secret.
    secret: String,
    /// The visitor's session and its token.
    id: String,
    token: String,
}

impl Entered {
    async fn start() -> Self {
        let demo = Demo::start().await;
        let log = demo.log();
        let link = log.split_once("/console/enter?once=");
        let (_, link) = link.expect("the demo shows a link");
        let (secret, _) = link.split_once('\n').unwrap();
        let page = "GET /echo?sc=2&utm_source=newsletter HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let page = ask(demo.port, page).await.unwrap();
        let json = page
            .body
            .get(page.body.find('{').unwrap()..=page.body.rfind('}').unwrap());
        let echo: Value = serde_json::from_str(json.unwrap()).unwrap();
        let id = echo["headers"]["x-session-id"][0].as_str().unwrap();
        let issued = page.set_cookies("vtex_session")[0];
        let token = issued.split(['=', ';']).nth(1).unwrap();
        Self {
            secret: secret.to_owned(),
            id: id.to_owned(),
            token: token.to_owned(),
            demo,
        }
    }

    async fn get(&self, path: &str, host: &str) -> Reply {
        let wire = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        ask(self.demo.admin_port, &wire).await.expect("it answers")
    }

    async fn explain(&self, question: &Value) -> Reply {
        let question = question.to_string();
        let wire = format!(
            "POST /api/explain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{question}",
            question.len()
        );
        ask(self.demo.admin_port, &wire).await.expect("it answers")
    }

    /// Every read, by its path in the description and as it is asked for.
    fn reads(&self) -> Vec<(&'static str, String)> {
        let session = "/api/accounts/{account}/sessions/{id}";
        let cycles = "/api/accounts/{account}/sessions/{id}/cycles";
        let graph = "/api/accounts/{account}/graph";
        let (find, by) = ("/api/sessions", "/api/sessions?find=");
        let latest = "/api/sessions/latest";
        let plain = [
            "/health/live",
            "/health/ready",
            "/api/overview",
            "/api/history",
            "/api/apps",
            "/api/configuration",
        ];
        let mut all: Vec<_> = plain.map(|path| (path, path.to_owned())).into();
        all.extend([
            (find, format!("{by}{}", self.token)),
            (find, format!("{by}ana%40example.com")),
            (find, find.to_owned()),
            (latest, latest.to_owned()),
            (latest, format!("{latest}?kind=robot")),
            (latest, format!("{latest}?account=other")),
            (session, path_of(&self.id)),
            (session, path_of("x")),
            (session, path_of(NOBODY)),
            (cycles, format!("{}/cycles", path_of(&self.id))),
            (graph, "/api/accounts/demostore/graph".to_owned()),
        ]);
        all
    }
}

#[tokio::test]
async fn a_running_demo_answers_as_it_is_described() {
    let entered = Entered::start().await;
    let described = entered.get("/api/openapi.json", "localhost").await;
    let described: Value = serde_json::from_str(&described.body).unwrap();
    for (path, wanted) in entered.reads() {
        let reply = entered.get(&wanted, "localhost").await;
        let answer: Value = serde_json::from_str(&reply.body)
            .unwrap_or_else(|_| panic!("{wanted}: {}", reply.body));
        let schema = schema_of(&described, path, "get", reply.status);
        assert!(schema["allOf"][0].is_object(), "{wanted} {}", reply.status);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&answer)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wanted} {}: {wrong:#?}", reply.status);
    }
    let question = json!({"request": "curl http://localhost/?sc=4", "session": entered.id});
    let reply = entered.explain(&question).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let schema = schema_of(&described, "/api/explain", "post", 200);
    let explained: Value = serde_json::from_str(&reply.body).unwrap();
    assert!(jsonschema::is_valid(&schema, &explained), "{explained}");
}

#[tokio::test]
async fn a_running_demo_lets_in_by_its_link_once_and_its_logs_tell_nothing_of_anybody() {
    let entered = Entered::start().await;
    let Entered {
        secret, token, id, ..
    } = &entered;
    let enter = format!("/console/enter?once={secret}");
    let rebound = entered.get(&enter, "rebound.example").await;
    assert_eq!(rebound.status, 410);
    let reply = entered.get(&enter, "localhost").await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("/console/"))
    );
    assert_eq!(reply.set_cookies("vestibule_console").len(), 1);
    assert_eq!(entered.get(&enter, "localhost").await.status, 410);
    assert_eq!(
        entered.get("/api/overview", "rebound.example").await.status,
        401
    );
    for (_, wanted) in entered.reads() {
        entered.get(&wanted, "localhost").await;
    }
    entered
        .explain(&json!({"request": format!("curl -b vtex_session={token} localhost")}))
        .await;
    // Beside the link itself, which it was started to show.
    let log = entered.demo.log().replace(&format!("once={secret}"), "");
    for told in [secret, token, id, "ana@example.com"] {
        assert!(!log.contains(told), "{told} in {log}");
    }
    for told in ["console_login", "\"shown\""] {
        assert!(log.contains(told), "{told} not in {log}");
    }
}
