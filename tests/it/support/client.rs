//! A client of the running demo: a cookie jar and a socket.

use std::collections::BTreeMap;

use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::Reply;
use super::program::{Demo, ask};
use super::shopper::PAGE;

#[derive(Clone, Debug)]
pub(crate) struct Client {
    port: u16,
    jar: BTreeMap<String, String>,
}

impl Client {
    pub(crate) fn of(demo: &Demo) -> Self {
        Self {
            port: demo.port,
            jar: BTreeMap::new(),
        }
    }

    /// The same shopper, whom a load balancer sends to another instance.
    pub(crate) fn moved_to(&self, port: u16) -> Self {
        Self {
            port,
            jar: self.jar.clone(),
        }
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(String::as_str)
    }

    /// Asks for a page and keeps the cookies.
    pub(crate) async fn get(&mut self, target: &str) -> Reply {
        self.send("GET", target, PAGE).await
    }

    /// The same; `None` where nobody answers.
    pub(crate) async fn try_get(&mut self, target: &str) -> Option<Reply> {
        self.try_exchange("GET", target, PAGE, "").await
    }

    /// Sends a form of one of the shop's own pages.
    pub(crate) async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Reply {
        let reply = self.try_post(target, fields).await;
        reply.unwrap_or_else(|| panic!("no answer to POST {target}"))
    }

    /// The same; `None` where nobody answers.
    pub(crate) async fn try_post(
        &mut self,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Option<Reply> {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let origin = format!("http://127.0.0.1:{}", self.port);
        let length = body.len().to_string();
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", &length),
        ];
        self.try_exchange("POST", target, &headers, &body).await
    }

    pub(crate) async fn log_in(&mut self, email: &str) -> Reply {
        let reply = self
            .post("/login", &[("email", email), ("return_to", "/")])
            .await;
        assert_eq!(reply.status, 303, "{reply:?}");
        reply
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        self.exchange(method, target, headers, "").await
    }

    /// Calls the Session API as a script of the shop; `None` where nobody answers any more.
    pub(crate) async fn call(&self, method: &str, target: &str, body: &str) -> Option<Reply> {
        let jar = self.jar.iter();
        let pairs: Vec<String> = jar.map(|(name, value)| format!("{name}={value}")).collect();
        let wire = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nCookie: {}\r\nContent-Type: application/json\r\nSec-Fetch-Site: same-origin\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            pairs.join("; "),
            body.len(),
        );
        ask(self.port, &wire).await
    }

    /// What the storefront says that it received.
    pub(crate) async fn echo(&mut self) -> Echo {
        self.echo_with(&[]).await
    }

    pub(crate) async fn echo_with(&mut self, headers: &[(&str, &str)]) -> Echo {
        let reply = self.send("GET", "/echo", headers).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        Echo(reply.json())
    }

    async fn exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let reply = self.try_exchange(method, target, headers, body).await;
        reply.unwrap_or_else(|| panic!("no answer to {method} {target}"))
    }

    async fn try_exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Reply> {
        let mut lines = vec![
            format!("{method} {target} HTTP/1.1"),
            format!("Host: 127.0.0.1:{}", self.port),
        ];
        let given = headers.iter();
        lines.extend(given.map(|(name, value)| format!("{name}: {value}")));
        if !self.jar.is_empty() {
            let jar = self.jar.iter();
            let pairs: Vec<String> = jar.map(|(name, value)| format!("{name}={value}")).collect();
            lines.push(format!("Cookie: {}", pairs.join("; ")));
        }
        let wire = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
        let reply = ask(self.port, &wire).await?;
        reply.put_cookies(&mut self.jar);
        Some(reply)
    }
}

/// What `/echo` answers.
#[derive(Debug)]
pub(crate) struct Echo(Value);

impl Echo {
    /// The header, which may be there once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.0["headers"].get(name)?.as_array().unwrap();
        assert_eq!(values.len(), 1, "{name} in {self:?}");
        values[0].as_str()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        let headers = self.0["headers"].as_object().unwrap();
        headers.keys().map(String::as_str).collect()
    }

    pub(crate) fn session(&self) -> String {
        self.header("x-session-id").expect("a session").to_owned()
    }

    /// Holds the headers against what they should be; `None` for one that must be absent.
    pub(crate) fn says(&self, expected: &[(&str, Option<&str>)]) {
        for (name, value) in expected {
            assert_eq!(self.header(name), *value, "{name} in {self:?}");
        }
    }
}
