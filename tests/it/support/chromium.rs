//! A real browser, driven over the pipe of its `DevTools` protocol: a fresh profile, and as many tabs as
//! a test opens.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
    "--hide-scrollbars", // a picture is of the page
    // After more than two hundred changes of the address in ten seconds, it would leave the rest undone.
    "--disable-ipc-flooding-protection",
    "--window-size=1280,1600",
];

/// A tab, as the protocol names it.
#[derive(Clone, Debug)]
struct Tab {
    session: String,
    /// What runs before the scripts of its pages.
    before: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Browser {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The tab that is spoken to, and all of them.
    tab: Option<String>,
    tabs: Vec<Tab>,
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
            tabs: Vec::new(),
            sent: 0,
            events: Vec::new(),
            origin: format!("http://127.0.0.1:{port}"),
            _profile: profile,
        };
        browser.open_tab().await;
        browser
    }

    /// Opens one more tab of the same profile, and speaks to it from now on; its number.
    pub(crate) async fn open_tab(&mut self) -> usize {
        self.tab = None;
        let blank = json!({"url": "about:blank"});
        let target = self.command("Target.createTarget", blank).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.command("Target.attachToTarget", attach).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let tab = Tab {
            session: text(&attached["sessionId"]),
            before: None,
        };
        self.tab = Some(tab.session.clone());
        self.tabs.push(tab);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.command(&format!("{domain}.enable"), json!({})).await;
        }
        // Every tab is in front, as if each was in a window of its own: the keyboard reaches all.
        let front = json!({"enabled": true});
        self.command("Emulation.setFocusEmulationEnabled", front)
            .await;
        self.tabs.len() - 1
    }

    /// Speaks to another tab from now on, wherever it is.
    pub(crate) fn speak_to(&mut self, tab: usize) {
        self.tab = Some(self.tabs[tab].session.clone());
    }

    /// How many tabs there are.
    pub(crate) fn tabs(&self) -> usize {
        self.tabs.len()
    }

    /// Has a script run in this tab before those of every page that comes, in place of the one before.
    pub(crate) async fn before_pages(&mut self, script: &str) {
        let at = self
            .tabs
            .iter()
            .position(|tab| Some(&tab.session) == self.tab.as_ref());
        let at = at.expect("a tab is spoken to");
        if let Some(before) = self.tabs[at].before.take() {
            let before = json!({"identifier": before});
            self.command("Page.removeScriptToEvaluateOnNewDocument", before)
                .await;
        }
        let script = json!({"source": script});
        let added = self
            .command("Page.addScriptToEvaluateOnNewDocument", script)
            .await;
        self.tabs[at].before = added["identifier"].as_str().map(str::to_owned);
    }

    /// Takes this tab from the network, or gives it back.
    pub(crate) async fn offline(&mut self, offline: bool) {
        let conditions = json!({
            "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.command("Network.emulateNetworkConditions", conditions)
            .await;
    }

    /// How wide and high the page is, and whether the person likes it dark.
    pub(crate) async fn looks_at(&mut self, (width, height): (u32, u32), dark: bool) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.command("Emulation.setDeviceMetricsOverride", size)
            .await;
        let scheme = if dark { "dark" } else { "light" };
        let liked = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", liked).await;
    }

    /// What the tab shows, as a PNG.
    pub(crate) async fn picture(&mut self) -> Vec<u8> {
        let shot = json!({"format": "png", "optimizeForSpeed": false});
        let shot = self.command("Page.captureScreenshot", shot).await;
        let data = shot["data"].as_str().unwrap();
        STANDARD.decode(data).unwrap()
    }

    /// Presses a key of no meaning, as a person who is there.
    pub(crate) async fn press_key(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let key = json!({"type": kind, "key": "Shift", "code": "ShiftLeft"});
            self.command("Input.dispatchKeyEvent", key).await;
        }
    }

    /// The cookies that the browser keeps for the shop, by name.
    pub(crate) async fn cookies(&mut self) -> Vec<Value> {
        let asked = json!({"urls": [self.origin]});
        let told = self.command("Network.getCookies", asked).await;
        told["cookies"].as_array().unwrap().clone()
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
                // A test may own the page's timers; these stay the browser's.
                const later = () => scheduler.postTask(look, {{ delay: 20 }});
                const look = () => ({expression}) ? done() : later();
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

    /// What was told of a kind, by all tabs.
    fn told(&self, method: &str) -> impl Iterator<Item = &Value> {
        let of_method = move |event: &&Value| event["method"] == method;
        self.events
            .iter()
            .filter(of_method)
            .map(|event| &event["params"])
    }

    /// Pages that this tab has loaded.
    fn loads(&self) -> usize {
        let loaded = self
            .events
            .iter()
            .filter(|event| event["method"] == "Page.loadEventFired");
        loaded
            .filter(|event| event["sessionId"].as_str() == self.tab.as_deref())
            .count()
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
