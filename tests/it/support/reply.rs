//! A response as it came over the wire.

use std::collections::BTreeMap;

use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    /// Reads the last response of a connection; interim ones before it are skipped.
    pub(crate) fn parse(wire: &[u8]) -> Self {
        let text = String::from_utf8_lossy(wire).into_owned();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no head: {text:?}"));
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap();
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        if (100..200).contains(&status) && status != 101 {
            return Self::parse(body.as_bytes());
        }
        let headers = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: body.to_owned(),
        }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(key, _)| key == name);
        lines.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The `Set-Cookie` lines of one cookie.
    pub(crate) fn set_cookies(&self, name: &str) -> Vec<&str> {
        let start = format!("{name}=");
        self.all("set-cookie")
            .into_iter()
            .filter(|line| line.starts_with(&start))
            .collect()
    }

    /// Whether a session cookie is set.
    pub(crate) fn sets_session(&self) -> bool {
        let lines = self.set_cookies("vtex_session");
        assert!(lines.len() <= 1, "two lines for one cookie: {lines:?}");
        lines.iter().any(|line| !line.contains("Max-Age=0"))
    }

    /// Puts the cookies that are set into a jar, and takes out those that are deleted.
    pub(crate) fn put_cookies(&self, jar: &mut BTreeMap<String, String>) {
        for line in self.all("set-cookie") {
            let (pair, attributes) = line.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}
