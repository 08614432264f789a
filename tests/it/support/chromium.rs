//! A real browser, driven over the pipe of its `DevTools` protocol: one tab, a fresh profile.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long the browser may take for one step on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The browser reads commands from descriptor 3 and writes to 4; here these are our two pipes.
const WITH_PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox", // refuses to run as root otherwise, as in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
    "--window-size=1280,1600",
];

#[derive(Debug)]
pub(crate) struct Browser {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    tab: Option<String>,
    sent: u64,
    /// Everything that the browser told unasked, in order.
    events: Vec<Value>,
    origin: String,
    _profile: TempDir,
}

impl Browser {
    /// A browser with an empty tab, for the pages of one server on this machine.
    pub(crate) async fn open(port: u16) -> Self {
        let version = std::process::Command::new("chromium")
            .arg("--version")
            .output();
        assert!(
            version.is_ok_and(|output| output.status.success()),
            "there is no chromium here: `scripts/setup test` installs it"
        );
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", WITH_PIPES, "chromium"])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut browser = Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            _child: child,
            tab: None,
            sent: 0,
            events: Vec::new(),
            origin: format!("http://127.0.0.1:{port}"),
            _profile: profile,
        };
        browser.open_tab().await;
        browser
    }

    async fn open_tab(&mut self) {
        let blank = json!({"url": "about:blank"});
        let target = self.command("Target.createTarget", blank).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.command("Target.attachToTarget", attach).await;
        self.tab = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.command(&format!("{domain}.enable"), json!({})).await;
        }
    }

    /// Opens a page of the shop, as if its address was typed.
    pub(crate) async fn go(&mut self, path: &str) {
        let loads = self.loads();
        let url = format!("{}{path}", self.origin);
        let gone = self.command("Page.navigate", json!({"url": url})).await;
        assert!(gone.get("errorText").is_none(), "{path}: {gone}");
        self.loaded(loads).await;
    }

    /// Clicks the link or button of this label with the mouse, and waits for the page that follows.
    pub(crate) async fn click(&mut self, label: &str) {
        self.click_in("body", label).await;
    }

    /// Clicks within a part of the page.
    pub(crate) async fn click_in(&mut self, part: &str, label: &str) {
        let loads = self.loads();
        self.press_in(part, label).await;
        self.loaded(loads).await;
    }

    /// Clicks without a page to follow.
    pub(crate) async fn press(&mut self, label: &str) {
        self.press_in("body", label).await;
    }

    async fn press_in(&mut self, part: &str, label: &str) {
        let found = self
            .run(&format!(
                r#"(() => {{
                    const named = [...document.querySelectorAll({part:?})]
                        .flatMap((one) => [...one.querySelectorAll("a, button")])
                        .filter((one) => one.textContent.trim().startsWith({label:?}));
                    if (named.length === 0) return null;
                    named[0].scrollIntoView({{ block: "center", behavior: "instant" }});
                    const box = named[0].getBoundingClientRect();
                    return [box.x + box.width / 2, box.y + box.height / 2];
                }})()"#
            ))
            .await;
        let at = found.as_array();
        let Some([x, y]) = at.map(Vec::as_slice) else {
            panic!(
                "no `{label}` in {part} on this page:\n{}",
                self.page().await
            );
        };
        for kind in ["mousePressed", "mouseReleased"] {
            let click = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.command("Input.dispatchMouseEvent", click).await;
        }
    }

    /// The value of an expression in the page.
    pub(crate) async fn run(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression,
            "returnByValue": true,
            "awaitPromise": true,
        });
        let answer = self.command("Runtime.evaluate", asked).await;
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression holds, asked at each frame.
    pub(crate) async fn until(&mut self, expression: &str) {
        self.run(&format!(
            "new Promise((done) => {{
                const look = () => ({expression}) ? done() : setTimeout(look, 20);
                look();
            }})"
        ))
        .await;
    }

    /// The visible text of the first element that a selector finds.
    pub(crate) async fn text(&mut self, selector: &str) -> Option<String> {
        let text = format!("document.querySelector({selector:?})?.innerText");
        self.run(&text).await.as_str().map(str::to_owned)
    }

    /// The whole page's visible text.
    pub(crate) async fn page(&mut self) -> String {
        self.text("body").await.unwrap_or_default()
    }

    pub(crate) async fn address(&mut self) -> String {
        let url = self.run("location.href").await;
        let url = url.as_str().unwrap().to_owned();
        url.strip_prefix(&self.origin).unwrap_or(&url).to_owned()
    }

    /// Addresses that the tab asked for at other servers.
    pub(crate) fn strangers(&self) -> Vec<&str> {
        let own = format!("{}/", self.origin);
        self.told("Network.requestWillBeSent")
            .filter_map(|event| event["request"]["url"].as_str())
            .filter(|url| !url.starts_with(&own) && !url.starts_with("about:"))
            .collect()
    }

    /// What the browser's console complained about.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let logged = self
            .told("Log.entryAdded")
            .map(|event| &event["entry"])
            .filter(|entry| entry["level"] == "error" || entry["level"] == "warning")
            .map(|entry| {
                let url = entry["url"].as_str().unwrap_or_default();
                let path = url.strip_prefix(&self.origin).unwrap_or(url);
                format!("{path}: {}", entry["text"].as_str().unwrap_or_default())
            });
        let thrown = self.told("Runtime.exceptionThrown").map(Value::to_string);
        let printed = self
            .told("Runtime.consoleAPICalled")
            .filter(|event| event["type"] == "error" || event["type"] == "warning")
            .map(Value::to_string);
        logged.chain(thrown).chain(printed).collect()
    }

    fn told(&self, method: &str) -> impl Iterator<Item = &Value> {
        let of_method = move |event: &&Value| event["method"] == method;
        self.events
            .iter()
            .filter(of_method)
            .map(|event| &event["params"])
    }

    fn loads(&self) -> usize {
        self.told("Page.loadEventFired").count()
    }

    /// Waits for a page beyond the ones counted.
    async fn loaded(&mut self, before: usize) {
        while self.loads() == before {
            let event = self.read().await;
            self.events.push(event);
        }
    }

    /// One command of the protocol, to this tab; its answer.
    pub(crate) async fn command(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(tab) = &self.tab {
            message["sessionId"] = json!(tab);
        }
        let mut wire = message.to_string().into_bytes();
        wire.push(0);
        self.input.write_all(&wire).await.unwrap();
        loop {
            let mut told = self.read().await;
            if told["id"] == json!(id) {
                assert!(told.get("error").is_none(), "{method}: {told}");
                return told["result"].take();
            }
            self.events.push(told);
        }
    }

    async fn read(&mut self) -> Value {
        let mut message = Vec::new();
        let read = self.output.read_until(0, &mut message);
        let length = tokio::time::timeout(PATIENCE, read)
            .await
            .expect("the browser answers in time")
            .unwrap();
        assert!(length > 0, "the browser has gone");
        message.pop();
        serde_json::from_slice(&message).unwrap()
    }
}
