//! The services of a platform and its login, as strict as they can be: they answer as the published
//! schemas say, to calls that are right to the last header; everything else is a mistake.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const APP_KEY: &str = "vtexappkey-demostore-TESTIN";
pub(crate) const APP_TOKEN: &str = "THETOKENOFTHEAPPKEYTHATNOBODYMAYSEE";

/// The parts of the platform, by the names of their look-ups.
pub(crate) const CHANNELS: &str = "channels";
pub(crate) const CUSTOMERS: &str = "customers";
pub(crate) const CAMPAIGNS: &str = "campaigns";
pub(crate) const REGIONS: &str = "regions";
pub(crate) const PERMISSIONS: &str = "permissions";
pub(crate) const LOGIN_KEYS: &str = "login_keys";
pub(crate) const LOGIN_SERVICE: &str = "login_service";

/// How a part behaves when it does not answer as it should.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It never answers.
    Silent,
    /// With this status, these headers and this body.
    Says(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// It promises more than it sends.
    Half,
}

#[derive(Debug, Default)]
struct Script {
    faults: HashMap<&'static str, Fault>,
    /// Parts that answer once the test lets them.
    held: HashMap<&'static str, Vec<oneshot::Receiver<()>>>,
    calls: Vec<&'static str>,
    mistakes: Vec<String>,
    jwks: Value,
    /// Tokens that the login's service confirms: user id, address, audience.
    logins: HashMap<String, (String, String, &'static str)>,
    customers: Vec<Value>,
    campaigns: Value,
}

/// The platform.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl Platform {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Script {
            jwks: json!({"keys": []}),
            customers: customers(),
            campaigns: campaigns(),
            ..Script::default()
        };
        let platform = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(script)),
            serving: Mutex::default(),
        };
        platform.serve(listener);
        platform
    }

    fn serve(&self, listener: TcpListener) {
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&self.script));
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let io = hyper_util::rt::TokioIo::new(stream);
                connections.spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    drop(http.serve_connection(io, service).await);
                });
            }
        });
        *self.serving.lock() = Some(serving);
    }

    /// Kills it, with every connection.
    pub(crate) async fn kill(&self) {
        let serving = self.serving.lock().take().expect("it runs");
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
    }

    /// Starts it again where it was.
    pub(crate) async fn revive(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on a part misbehaves so.
    pub(crate) fn breaks(&self, part: &'static str, fault: Fault) {
        self.script.lock().faults.insert(part, fault);
    }

    /// From now on a part behaves.
    pub(crate) fn heals(&self, part: &'static str) {
        self.script.lock().faults.remove(part);
    }

    /// The next call of a part is answered once the sender speaks, or is dropped.
    pub(crate) fn holds(&self, part: &'static str) -> oneshot::Sender<()> {
        let (let_go, held) = oneshot::channel();
        self.script.lock().held.entry(part).or_default().push(held);
        let_go
    }

    /// Waits until a part is called, so that a call which is held is under way.
    pub(crate) async fn got(&self, part: &str) {
        while !self.script.lock().calls.contains(&part) {
            tokio::task::yield_now().await;
        }
    }

    /// Publishes a key set.
    pub(crate) fn publishes(&self, jwks: &str) {
        self.script.lock().jwks = serde_json::from_str(jwks).unwrap();
    }

    /// The login's service confirms a token.
    pub(crate) fn confirms(&self, token: &str, id: &str, email: &str, audience: &'static str) {
        let login = (id.to_owned(), email.to_owned(), audience);
        self.script.lock().logins.insert(token.to_owned(), login);
    }

    /// It does so no more.
    pub(crate) fn revokes(&self, token: &str) {
        self.script.lock().logins.remove(token);
    }

    /// The campaign audiences from now on.
    pub(crate) fn targets(&self, campaigns: Value) {
        self.script.lock().campaigns = campaigns;
    }

    /// How often a part was called since it was asked last; panics if any call was wrong.
    pub(crate) fn calls(&self, part: &str) -> usize {
        let mut script = self.script.lock();
        assert!(script.mistakes.is_empty(), "{:?}", script.mistakes);
        let before = script.calls.len();
        script.calls.retain(|call| *call != part);
        before - script.calls.len()
    }

    /// All calls since they were asked for last, sorted; panics if any was wrong.
    pub(crate) fn all_calls(&self) -> Vec<&'static str> {
        let mut script = self.script.lock();
        assert!(script.mistakes.is_empty(), "{:?}", script.mistakes);
        let mut calls = std::mem::take(&mut script.calls);
        calls.sort_unstable();
        calls
    }
}

/// A right call: of which part, and what it is answered with.
type Right = (&'static str, u16, Value);

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let right = read(&head, &body, &script.lock());
    let (part, status, said) = match right {
        Ok(right) => right,
        Err(mistake) => {
            script.lock().mistakes.push(mistake);
            return respond(500, &[], Body::empty());
        }
    };
    let (fault, gate) = {
        let mut script = script.lock();
        script.calls.push(part);
        let gate = script.held.get_mut(part).and_then(Vec::pop);
        (script.faults.get(part).cloned(), gate)
    };
    if let Some(gate) = gate {
        drop(gate.await);
    }
    match fault {
        None => {
            let json = [("content-type", "application/json; charset=utf-8")];
            respond(status, &json, Body::from(said.to_string()))
        }
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Says(status, headers, body)) => respond(status, &headers, Body::from(body)),
        Some(Fault::Half) => {
            let headers = [
                ("content-type", "application/json"),
                ("content-length", "100"),
            ];
            respond(200, &headers, Body::new(super::service::Half::default()))
        }
    }
}

fn respond(status: u16, headers: &[(&str, &str)], body: Body) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body).unwrap()
}

/// A call as it came.
struct Call<'a> {
    path: &'a str,
    query: Vec<(String, String)>,
    head: &'a http::request::Parts,
    body: &'a [u8],
}

/// What the platform's schemas demand of every call.
fn read(head: &http::request::Parts, body: &[u8], script: &Script) -> Result<Right, String> {
    let call = Call {
        path: head.uri.path(),
        query: pairs(head.uri.query().unwrap_or_default()),
        head,
        body,
    };
    call.check_headers()?;
    if call.path == "/api/vtexid/credential/validate" {
        return call.validation(script);
    }
    if head.method != "GET" || !body.is_empty() {
        return Err(call.wrong("a GET without a body"));
    }
    match call.path {
        "/jwks.json" => call.without_query((LOGIN_KEYS, 200, script.jwks.clone())),
        "/api/catalog_system/pub/saleschannel/available" => match call.names().as_slice() {
            [] => Ok((CHANNELS, 200, channels(None))),
            ["email"] => Ok((CHANNELS, 200, channels(call.value("email")))),
            _ => Err(call.wrong("another parameter")),
        },
        "/api/dataentities/CL/search" => call.search(script),
        "/api/rnb/pvt/campaignConfiguration" => {
            call.without_query((CAMPAIGNS, 200, script.campaigns.clone()))
        }
        "/api/checkout/pub/regions" => region(&call.query),
        _ => call.permission(),
    }
}

impl Call<'_> {
    fn wrong(&self, what: &str) -> String {
        format!("{} {}: {what}", self.head.method, self.path)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.headers.get_all(name).iter();
        let first = lines.next().and_then(|line| line.to_str().ok());
        first.filter(|_| lines.next().is_none())
    }

    fn names(&self) -> Vec<&str> {
        self.query.iter().map(|(name, _)| &**name).collect()
    }

    fn value(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    fn check_headers(&self) -> Result<(), String> {
        if self.header("accept") != Some("application/json") {
            return Err(self.wrong("accept"));
        }
        let agent = self.header("user-agent").unwrap_or_default();
        if !agent.starts_with("vestibule/") {
            return Err(self.wrong("user-agent"));
        }
        let has = |name: &str| self.head.headers.contains_key(name);
        for name in ["cookie", "authorization", "x-session-id", "x-vtex-session"] {
            if has(name) {
                return Err(self.wrong(name));
            }
        }
        let has_key = has("x-vtex-api-appkey") || has("x-vtex-api-apptoken");
        let keyed = self.header("x-vtex-api-appkey") == Some(APP_KEY)
            && self.header("x-vtex-api-apptoken") == Some(APP_TOKEN);
        let private = self.path.contains("/pvt/") || self.path.starts_with("/api/dataentities/");
        if private != keyed || private != has_key {
            return Err(self.wrong("credentials where they belong, and nowhere else"));
        }
        Ok(())
    }

    fn without_query(&self, right: Right) -> Result<Right, String> {
        if self.query.is_empty() {
            Ok(right)
        } else {
            Err(self.wrong("a parameter"))
        }
    }

    fn validation(&self, script: &Script) -> Result<Right, String> {
        if self.head.method != "POST" || self.header("content-type") != Some("application/json") {
            return Err(self.wrong("a POST of JSON"));
        }
        if self.value("an") != Some("demostore") || self.names() != ["an"] {
            return Err(self.wrong("an"));
        }
        let asked: Value = serde_json::from_slice(self.body).map_err(|error| error.to_string())?;
        let members = asked.as_object().ok_or("no object")?;
        let token = members.get("token").and_then(Value::as_str);
        let token = token.filter(|_| members.len() == 1);
        let token = token.ok_or_else(|| self.wrong("a token and nothing else"))?;
        let Some((id, user, audience)) = script.logins.get(token) else {
            return Ok((
                LOGIN_SERVICE,
                401,
                json!({"authStatus": "WrongCredentials"}),
            ));
        };
        let said = json!({
            "authStatus": "Success", "id": id, "user": user, "account": "demostore",
            "audience": audience, "tokenType": "user",
        });
        Ok((LOGIN_SERVICE, 200, said))
    }

    fn search(&self, script: &Script) -> Result<Right, String> {
        if self.header("rest-range") != Some("resources=0-10") {
            return Err(self.wrong("rest-range"));
        }
        let fields = "userId,id,email,firstName,lastName,homePhone,document,priceTables";
        let names = self.names();
        if self.value("_fields") != Some(fields) || names.len() != 2 {
            return Err(self.wrong("_fields"));
        }
        let by_id = names.contains(&"userId");
        let name = if by_id { "userId" } else { "email" };
        let asked = self.value(name).ok_or("neither userId nor email")?;
        let found = script.customers.iter().filter(|one| one[name] == asked);
        Ok((CUSTOMERS, 206, found.cloned().collect()))
    }

    fn permission(&self) -> Result<Right, String> {
        let accounts = "/api/license-manager/pvt/accounts/demostore/products/2/logins/";
        let rest = self.path.strip_prefix(accounts);
        let email = rest.and_then(|rest| rest.strip_suffix("/resources/Televendas/granted"));
        let email = email.ok_or_else(|| self.wrong("no such call"))?;
        let email = percent_decode_str(email).decode_utf8_lossy();
        let may = email == "agent@demostore.example";
        self.without_query((PERMISSIONS, 200, json!(may)))
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

fn channels(email: Option<&str>) -> Value {
    let channel = |id: u64,
                   country: &str,
                   culture: &str,
                   currency: &str,
                   symbol: &str,
                   rule: Value| {
        json!({
            "Id": id, "Name": format!("Policy {id}"), "IsActive": true, "ProductClusterId": null,
            "CountryCode": country, "CultureInfo": culture, "TimeZone": "UTC",
            "CurrencyCode": currency, "CurrencySymbol": symbol, "CurrencyLocale": 1046,
            "CurrencyFormatInfo": {"CurrencyDecimalDigits": 2}, "Position": id,
            "ConditionRule": rule, "CurrencyDecimalDigits": 2,
        })
    };
    let mut list = vec![
        channel(1, "USA", "en-US", "USD", "$", Value::Null),
        channel(2, "BRA", "pt-BR", "BRL", "R$", Value::Null),
    ];
    if email == Some("ana@example.com") {
        list.push(channel(3, "USA", "en-US", "USD", "$", json!("email=*")));
    }
    list.into()
}

fn customers() -> Vec<Value> {
    vec![
        json!({"userId": "11111111-1111-4111-8111-111111111111", "id": "CL-1",
               "email": "ana@example.com", "firstName": "Ana", "lastName": "Lima",
               "homePhone": null, "document": null, "priceTables": "gold"}),
        json!({"userId": "22222222-2222-4222-8222-222222222222", "id": "CL-2",
               "email": "bruno@example.com", "firstName": "Bruno", "lastName": "Dias",
               "homePhone": null, "document": null, "priceTables": null}),
    ]
}

/// An audience as the platform writes one, with its conditions.
pub(crate) fn audience(id: &str, conditions: &Value) -> Value {
    json!({
        "id": id, "name": id, "isActive": true, "isArchived": false, "isAndOperator": false,
        "beginDateUtc": "2018-01-01T00:00:00Z", "endDateUtc": "2200-07-01T00:00:00Z",
        "lastModified": {"dateUtc": "2018-01-01T00:00:00Z", "user": null},
        "targetConfigurations": [conditions],
    })
}

fn campaigns() -> Value {
    json!([
        audience("black-friday", &json!({"utmCampaign": "blackfriday"})),
        audience("newsletter", &json!({"utmSource": "newsletter"})),
        audience(
            "rio",
            &json!({"zipCodeRanges": [
            {"zipCodeFrom": "20000000", "zipCodeTo": "23799999", "inclusive": true}]})
        ),
        audience("cart", &json!({"isFirstBuy": true})),
    ])
}

fn region(query: &[(String, String)]) -> Result<Right, String> {
    let names: Vec<&str> = query.iter().map(|(name, _)| &**name).collect();
    let values: Vec<&str> = query.iter().map(|(_, value)| &**value).collect();
    let seller = json!({"id": "1", "name": "Store", "logo": null});
    let found = match (names.as_slice(), values.as_slice()) {
        (["country", "postalCode"], ["BRA", "20040002"]) => {
            json!([{"id": "v2.RIO", "sellers": [seller]}])
        }
        (["country", "postalCode"], ["BRA", _]) => json!([{"id": "v2.NONE", "sellers": []}]),
        (["country", "geoCoordinates"], ["BRA", point]) => {
            if point.contains(',') {
                return Err("CHK0119".to_owned());
            }
            json!([{"id": "v2.POINT", "sellers": [seller]}])
        }
        (["country", _], _) => {
            let error = json!({"fields": {}, "error": {"code": "CHK0119", "message": "no", "exception": null}, "operationId": "x"});
            return Ok((REGIONS, 400, error));
        }
        _ => return Err(format!("regions: {names:?}")),
    };
    Ok((REGIONS, 200, found))
}
