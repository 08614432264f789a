//! A shopper: a browser's cookie jar in front of the shop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use vestibule::domain::time::Millis;
use vestibule::ports::Clock;

use super::kept::Kept as Connection;
use super::{Reply, Shop};

/// A page as a browser asks for it.
pub(crate) const PAGE: &[(&str, &str)] = &[
    ("accept", "text/html,application/xhtml+xml"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "none"),
];

/// A call as a script of the store's own page makes it.
pub(crate) const SCRIPT: &[(&str, &str)] = &[
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("origin", "http://shop.example"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-site", "same-origin"),
];

/// A call as a server makes it, with cookies that it was handed.
pub(crate) const SERVER: &[(&str, &str)] = &[("content-type", "application/json")];

#[derive(Clone, Debug)]
struct Kept {
    value: String,
    until: Option<Millis>,
}

/// The cookies of a browser.
#[derive(Clone, Debug)]
pub(crate) struct Jar(BTreeMap<String, Kept>);

#[derive(Clone, Debug)]
pub(crate) struct Shopper {
    shop: Arc<Shop>,
    jar: BTreeMap<String, Kept>,
    /// Where all requests go; none: each has a connection of its own.
    connection: Option<Arc<Connection>>,
}

impl Shopper {
    pub(crate) fn new(shop: &Arc<Shop>) -> Self {
        Self {
            shop: Arc::clone(shop),
            jar: BTreeMap::new(),
            connection: None,
        }
    }

    /// A shopper whose login cookie is in the jar; no request has shown it yet.
    pub(crate) fn known(shop: &Arc<Shop>, email: &str) -> Self {
        let mut shopper = Self::new(shop);
        shopper.keep("VtexIdclientAutCookie_demostore", &shop.token(email));
        shopper
    }

    /// The same browser, with one connection that it keeps.
    pub(crate) fn on_one_connection(self) -> Self {
        Self {
            connection: Some(Connection::to(&self.shop)),
            ..self
        }
    }

    /// The same browser by another way than the connection that it keeps.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            connection: None,
            ..self.clone()
        }
    }

    /// What the browser keeps while the shop is away.
    pub(crate) fn into_jar(self) -> Jar {
        Jar(self.jar)
    }

    /// The same browser when the shop is back.
    pub(crate) fn with_jar(shop: &Arc<Shop>, jar: Jar) -> Self {
        Self {
            shop: Arc::clone(shop),
            jar: jar.0,
            connection: None,
        }
    }

    /// Puts a cookie into the jar, as a page or another server would.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        let kept = Kept {
            value: value.to_owned(),
            until: None,
        };
        self.jar.insert(name.to_owned(), kept);
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.jar.remove(name);
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let kept = self.jar.get(name)?;
        let live = kept.until.is_none_or(|until| self.shop.clock.now() < until);
        live.then_some(kept.value.as_str())
    }

    /// The `Cookie` line that the browser would send.
    pub(crate) fn line(&self) -> String {
        let live = self
            .jar
            .keys()
            .filter_map(|name| Some((name, self.cookie(name)?)));
        live.map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// Asks for a page and keeps the cookies.
    pub(crate) async fn get(&mut self, target: &str) -> Reply {
        self.send("GET", target, PAGE).await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let reply = self.send_and_lose(method, target, headers).await;
        self.take(&reply);
        reply
    }

    /// Calls the API with a body and keeps the cookies.
    pub(crate) async fn call(
        &mut self,
        (method, target): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let reply = self.call_and_lose((method, target), headers, body).await;
        self.take(&reply);
        reply
    }

    /// The same, but the browser never gets the answer.
    pub(crate) async fn call_and_lose(
        &self,
        (method, target): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: shop.example\r\n");
        for (name, value) in headers {
            text.extend([*name, ": ", *value, "\r\n"]);
        }
        let line = self.line();
        if !line.is_empty() {
            text.extend(["Cookie: ", &line, "\r\n"]);
        }
        if !body.is_empty() || method == "POST" {
            text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        if let Some(connection) = &self.connection {
            return connection
                .exchange(format!("{text}\r\n{body}").as_bytes())
                .await;
        }
        text += "Connection: close\r\n\r\n";
        text += body;
        self.shop.raw(text.as_bytes()).await
    }

    /// The fields of the session, as a script of the page reads them.
    pub(crate) async fn read(&mut self, items: &str) -> Value {
        let target = format!("/api/sessions?items={items}");
        let reply = self.call(("GET", &target), SCRIPT, "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["namespaces"].clone()
    }

    /// Asks, but the browser never gets the answer.
    pub(crate) async fn send_and_lose(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        self.call_and_lose((method, target), headers, "").await
    }

    /// Keeps the cookies of a reply, honouring `Max-Age`.
    pub(crate) fn take(&mut self, reply: &Reply) {
        for line in reply.all("set-cookie") {
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let age = parts
                .find_map(|part| part.strip_prefix("Max-Age="))
                .map(|age| age.parse::<u64>().unwrap());
            if age == Some(0) {
                self.jar.remove(name);
                continue;
            }
            let until = age.map(|age| self.shop.clock.now().plus(Duration::from_secs(age)));
            self.jar.insert(
                name.to_owned(),
                Kept {
                    value: value.to_owned(),
                    until,
                },
            );
        }
    }
}
