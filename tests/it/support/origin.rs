//! The store's server: records what it gets, answers what the test says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// One request as the store's server got it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(key, _)| key == name);
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// A header that may be there once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.all(name);
        assert!(lines.len() <= 1, "{name} is there twice: {lines:?}");
        lines.first().copied()
    }
}

/// What a path is answered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Says {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// A path whose answer waits for the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    asked: Arc<Notify>,
    answer: Arc<Notify>,
}

impl Held {
    /// Waits until it was asked for.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Lets it be answered.
    pub(crate) fn answer(&self) {
        self.answer.notify_one();
    }
}

#[derive(Debug, Default)]
struct Script {
    held: HashMap<String, Held>,
    seen: Vec<Seen>,
    says: HashMap<String, Says>,
}

#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::default(),
        };
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(origin.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        origin
    }

    /// Says what a path is answered with from now on.
    pub(crate) fn says(&self, path: &str, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let says = Says {
            status,
            headers,
            body: b"said".to_vec(),
        };
        self.script.lock().says.insert(path.to_owned(), says);
    }

    /// Says what a path is answered with from now on, byte for byte.
    pub(crate) fn says_bytes(&self, path: &str, body: Vec<u8>) {
        let says = Says {
            status: 200,
            headers: Vec::new(),
            body,
        };
        self.script.lock().says.insert(path.to_owned(), says);
    }

    /// Says what page a path is answered with from now on; nothing in it may come from elsewhere or
    /// stand in the page itself.
    pub(crate) fn says_page(&self, path: &str, html: &str) {
        self.says_file(path, "text/html; charset=utf-8", html);
    }

    /// The same with a file of another kind.
    pub(crate) fn says_file(&self, path: &str, kind: &str, text: &str) {
        let policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:";
        let headers = [
            ("content-type", kind),
            ("content-security-policy", policy),
            ("x-content-type-options", "nosniff"),
        ];
        let says = Says {
            status: 200,
            headers: headers.map(|(name, value)| (name, value.to_owned())).into(),
            body: text.as_bytes().to_vec(),
        };
        self.script.lock().says.insert(path.to_owned(), says);
    }

    /// Holds the answers of a path back until the test lets them go.
    pub(crate) fn holds(&self, path: &str) -> Held {
        let held = Held::default();
        self.script
            .lock()
            .held
            .insert(path.to_owned(), held.clone());
        held
    }

    /// What holds a path's answers back since before.
    pub(crate) fn holds_still(&self, path: &str) -> Held {
        let held = self.script.lock().held.get(path).cloned();
        held.expect("its answers are held")
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.lock().seen.clone()
    }

    /// Keeps nothing of what it got so far.
    pub(crate) fn forget(&self) {
        self.script.lock().seen.clear();
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().last().cloned().expect("the origin was asked")
    }
}

async fn answer(State(origin): State<Origin>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 26).await.unwrap_or_default().to_vec();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into(),
            )
        })
        .collect();
    let target = head.uri.to_string();
    let path = head.uri.path().to_owned();
    let waits = origin.script.lock().held.get(&path).cloned();
    if let Some(held) = waits {
        held.asked.notify_one();
        held.answer.notified().await;
    }
    let mut script = origin.script.lock();
    let echoed = body.clone();
    script.seen.push(Seen {
        method: head.method.to_string(),
        target,
        headers,
        body,
    });
    let ok = Says {
        status: 200,
        headers: Vec::new(),
        body: echoed,
    };
    let says = script.says.get(&path).cloned().unwrap_or(ok);
    let mut response = Response::builder().status(says.status);
    for (name, value) in says.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(says.body)).unwrap()
}
