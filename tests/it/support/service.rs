//! A session app's service, as strict as it can be: it answers the calls that a test has announced,
//! each once, and remembers everything else as a mistake.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use hyper::body::Frame;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What an app does with a call's body.
pub(crate) type App = fn(&Value) -> Value;

/// How an announced call is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// With this JSON.
    Json(Value),
    /// With these bytes and status.
    Text(u16, String),
    /// As JSON, once the test lets it.
    Held(oneshot::Receiver<Value>),
    /// With half a body.
    Half,
}

/// One call as the service got it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Got {
    pub app: String,
    pub body: Value,
    pub headers: Vec<(String, String)>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.iter().filter(|(key, _)| key == name);
        let (first, second) = (lines.next(), lines.next());
        assert!(second.is_none(), "{name} is there twice: {self:?}");
        first.map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct Script {
    announced: VecDeque<(String, Answer)>,
    always: Vec<(String, App)>,
    got: Vec<Got>,
    mistakes: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
    connections: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let service = Self {
            address,
            script: Arc::default(),
            connections: Arc::clone(&connections),
        };
        let listener = listener.tap_io(move |_| {
            connections.fetch_add(1, Ordering::SeqCst);
        });
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        service
    }

    /// Its address as a configuration names it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Announces one call of an app.
    pub(crate) fn expects(&self, app: &str, answer: Answer) {
        self.script
            .lock()
            .announced
            .push_back((app.to_owned(), answer));
    }

    /// Answers every call of an app.
    pub(crate) fn answers(&self, app: &str, with: App) {
        self.script.lock().always.push((app.to_owned(), with));
    }

    /// Takes the calls that came since it was asked last; panics if one was none of those expected,
    /// or one that was expected did not come.
    pub(crate) fn got(&self) -> Vec<Got> {
        let mut script = self.script.lock();
        assert!(script.mistakes.is_empty(), "{:?}", script.mistakes);
        assert!(
            script.announced.is_empty(),
            "not called: {:?}",
            script.announced
        );
        std::mem::take(&mut script.got)
    }

    /// How many calls came that were not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.script.lock().got.len()
    }

    /// The bodies of those calls.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.got().into_iter().map(|got| got.body).collect()
    }

    /// How many connections were ever made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer(State(service): State<Service>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let path = head.uri.path_and_query().unwrap().as_str();
    let app = path
        .strip_prefix("/_v/")
        .and_then(|rest| rest.strip_suffix("/session/transform"))
        .unwrap_or_default()
        .to_owned();
    let said = match read(&head.method, &app, &headers, &body) {
        Ok(body) => {
            let got = Got {
                app: app.clone(),
                body: body.clone(),
                headers,
            };
            service.script.lock().got.push(got);
            service.next(&app, &body)
        }
        Err(mistake) => Err(format!("{path}: {mistake}")),
    };
    match said {
        Ok(answer) => respond(answer).await,
        Err(mistake) => {
            service.script.lock().mistakes.push(mistake);
            response(500, Body::empty())
        }
    }
}

impl Service {
    fn next(&self, app: &str, body: &Value) -> Result<Answer, String> {
        let mut script = self.script.lock();
        let at = script.announced.iter().position(|(name, _)| name == app);
        if let Some((_, answer)) = at.and_then(|at| script.announced.remove(at)) {
            return Ok(answer);
        }
        let always = script.always.iter().find(|(name, _)| name == app);
        always
            .map(|(_, with)| Answer::Json(with(body)))
            .ok_or_else(|| format!("an unexpected call of {app}: {body}"))
    }
}

/// What the platform's protocol demands of every call.
fn read(
    method: &http::Method,
    app: &str,
    headers: &[(String, String)],
    body: &Bytes,
) -> Result<Value, String> {
    let header = |name: &str| {
        let mut lines = headers.iter().filter(|(key, _)| key == name);
        lines.next().map(|(_, value)| value.as_str())
    };
    if method != http::Method::POST || app.is_empty() || app.contains('/') {
        return Err(format!("no call of a transform: {method}"));
    }
    for name in ["content-type", "accept"] {
        if header(name) != Some("application/json") {
            return Err(format!("{name}: {:?}", header(name)));
        }
    }
    for name in ["x-vtex-account", "x-request-id", "traceparent"] {
        if header(name).is_none_or(str::is_empty) {
            return Err(format!("no {name}"));
        }
    }
    for name in ["cookie", "x-session-id", "x-vtex-segment", "x-vtex-session"] {
        if header(name).is_some() {
            return Err(format!("{name} is none of an app's business"));
        }
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    for (namespace, keys) in body.as_object().ok_or("no object")? {
        for (key, wrapper) in keys.as_object().ok_or("no keys")? {
            let members = wrapper.as_object().ok_or("not wrapped")?;
            if members.len() != 1 || !members.contains_key("value") {
                return Err(format!("{namespace}.{key} is not wrapped: {wrapper}"));
            }
        }
    }
    Ok(body)
}

async fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Json(value) => response(200, Body::from(value.to_string())),
        Answer::Text(status, text) => response(status, Body::from(text)),
        Answer::Held(answer) => match answer.await {
            Ok(value) => response(200, Body::from(value.to_string())),
            Err(_) => response(500, Body::empty()),
        },
        Answer::Half => response(200, Body::new(Half::default())),
    }
}

fn response(status: u16, body: Body) -> Response {
    let response = Response::builder().status(status);
    response
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

/// A body that breaks off.
#[derive(Default)]
pub(crate) struct Half {
    sent: bool,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(if self.sent {
            Err(std::io::Error::other("the wire is cut"))
        } else {
            self.sent = true;
            Ok(Frame::data(Bytes::from_static(br#"{"search":{"#)))
        }))
    }
}
