//! A shop: the whole proxy over a strict origin, with time and directory in the test's hands.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use pingora::apps::HttpServerApp;
use pingora::protocols::http::ServerSession;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt as _;
use vestibule::admin::{self, Access};
use vestibule::assemble::{NewKeys, Ports, assemble};
use vestibule::config::{self, Layers, OnDisk};
use vestibule::demo::Person;
use vestibule::domain::token::{KeyRing, TokenAlgorithm};
use vestibule::domain::vtexid::{Audience, Login, LoginKey, draw_login_key, mint};
use vestibule::edge::{Edge, Shared};
use vestibule::ports::{Clock, Entropy};
use vestibule::reload::Reloads;

use super::Reply;
use super::clock::{CountedEntropy, ManualClock};
use super::directory::{Mood, Moody};
use super::names::Known;
use super::origin::Origin;

pub(crate) struct Shop {
    pub clock: Arc<ManualClock>,
    pub origin: Origin,
    pub mood: Arc<Mood>,
    /// Names of other machines, beside those that the system knows.
    pub names: Arc<Known>,
    pub shared: Arc<Shared>,
    proxy: Arc<HttpProxy<Edge>>,
    login_key: LoginKey,
    entropy: Arc<CountedEntropy>,
    folder: TempDir,
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shop")
    }
}

/// A full configuration of the demo store; tests lay over it what differs.
pub(crate) fn full(origin: &Origin) -> String {
    let apps: String = [
        "store",
        "authentication",
        "impersonate",
        "profile",
        "rnb",
        "checkout",
    ]
    .map(|name| format!("[[account.app]]\nname = \"{name}\"\n"))
    .concat();
    format!(
        r#"
        [[listener]]
        name = "street"
        address = "127.0.0.1:1"
        [store]
        kind = "memory"
        [[account]]
        name = "demostore"
        id = "d5f1c7a2-3b44-4f5e-9a68-7c0d2e9b4a10"
        hosts = ["shop.example"]
        [account.keys]
        file = "keys.json"
        create = true
        [account.directory]
        file = {directory:?}
        [account.authentication]
        local_key = "login.json"
        [[account.upstream]]
        name = "store"
        addresses = ["{address}"]
        {apps}
        [[account.route]]
        path = "/account"
        session = "required"
        [[account.route]]
        path = "/static/"
        session = "none"
        [[account.route]]
        path = "/poll"
        touch = false
        "#,
        directory = directory(),
        address = origin.address,
    )
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/demo-directory.toml")
}

impl Shop {
    pub(crate) async fn start() -> Arc<Self> {
        Self::with("").await
    }

    /// A shop with something laid over its configuration; parts of the account need not name it, and
    /// keys before the first table are the account's own.
    pub(crate) async fn with(over: &str) -> Arc<Self> {
        Self::over(over, None).await
    }

    /// The same under a key ring of this algorithm.
    pub(crate) async fn with_ring(algorithm: TokenAlgorithm, over: &str) -> Arc<Self> {
        Self::over(over, Some(algorithm)).await
    }

    async fn over(over: &str, ring: Option<TokenAlgorithm>) -> Arc<Self> {
        let origin = Origin::start().await;
        let (process, account): (Vec<_>, Vec<_>) = sections(over)
            .into_iter()
            .partition(|section| section.starts_with('[') && !section.contains("[account"));
        let over = format!(
            "{}\n[[account]]\nname = \"demostore\"\n{}",
            process.concat(),
            account.concat()
        );
        let text = full(&origin);
        Self::of(origin, &text, &over, ring)
    }

    /// Two stores under one host, told apart by their root paths.
    pub(crate) async fn two_roots() -> Arc<Self> {
        let origin = Origin::start().await;
        let store = |root: &str, id: char| {
            let id = format!("d5f1c7a2-3b44-4f5e-9a68-7c0d2e9b4a1{id}");
            full(&origin)
                .replace("demostore", &format!("{root}store"))
                .replace("d5f1c7a2-3b44-4f5e-9a68-7c0d2e9b4a10", &id)
                .replace("hosts =", &format!("root_path = \"/{root}\"\nhosts ="))
        };
        let us = store("us", '2');
        let (_, second) = us.split_once("[[account]]").unwrap();
        let text = format!("{}[[account]]{second}", store("br", '1'));
        Self::of(origin, &text, "", None)
    }

    fn of(origin: Origin, text: &str, over: &str, ring: Option<TokenAlgorithm>) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.toml");
        let entropy = Arc::new(CountedEntropy);
        let login = draw_login_key(&mut || entropy.bits());
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join("shop.test.toml"), over).unwrap();
        std::fs::write(folder.path().join("login.json"), &login).unwrap();
        let clock = Arc::new(ManualClock::default());
        if let Some(algorithm) = ring {
            let ring = KeyRing::generate(algorithm, clock.now(), &mut || entropy.bits());
            std::fs::write(folder.path().join("keys.json"), ring.to_json()).unwrap();
        }
        let mood = Arc::new(Mood::default());
        let names = Arc::new(Known::default());
        let (shared, proxy) = built(folder.path(), (&clock, &entropy), &mood, &names);
        let login_key = LoginKey::parse(&login).unwrap();
        Arc::new(Self {
            clock,
            origin,
            mood,
            names,
            shared,
            proxy,
            login_key,
            entropy,
            folder,
        })
    }

    /// The same shop as another process would find it: what is not in its folder is gone.
    pub(crate) fn restarted(self: Arc<Self>) -> Arc<Self> {
        let old = Arc::into_inner(self).expect("nobody else has the shop");
        let Self {
            clock,
            origin,
            mood,
            names,
            shared,
            proxy,
            login_key,
            entropy,
            folder,
        } = old;
        shared.flow.keep_everything();
        drop((shared, proxy));
        let (shared, proxy) = built(folder.path(), (&clock, &entropy), &mood, &names);
        Arc::new(Self {
            clock,
            origin,
            mood,
            names,
            shared,
            proxy,
            login_key,
            entropy,
            folder,
        })
    }

    /// Another instance of the same shop: the same configuration, keys and time, and whatever store
    /// they share.
    pub(crate) fn twin(&self, origin: Origin) -> Arc<Self> {
        self.twin_by(&self.clock, origin)
    }

    /// The same by a clock of its own.
    pub(crate) fn twin_by(&self, clock: &Arc<ManualClock>, origin: Origin) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["shop.toml", "shop.test.toml", "login.json", "keys.json"] {
            std::fs::copy(self.folder.path().join(name), folder.path().join(name)).unwrap();
        }
        let file = folder.path().join("shop.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let (ours, theirs) = (self.origin.address.to_string(), origin.address.to_string());
        std::fs::write(&file, text.replace(&ours, &theirs)).unwrap();
        let (shared, proxy) = built(
            folder.path(),
            (clock, &self.entropy),
            &self.mood,
            &self.names,
        );
        let login = std::fs::read_to_string(folder.path().join("login.json")).unwrap();
        Arc::new(Self {
            clock: Arc::clone(clock),
            origin,
            mood: Arc::clone(&self.mood),
            names: Arc::clone(&self.names),
            shared,
            proxy,
            login_key: LoginKey::parse(&login).unwrap(),
            entropy: Arc::clone(&self.entropy),
            folder,
        })
    }

    /// Sends bytes over a connection of its own; returns when the exchange is over and logged.
    pub(crate) async fn raw(&self, wire: &[u8]) -> Reply {
        let (answer, _) = self.bytes(wire, false).await;
        Reply::parse(&answer)
    }

    /// The same, as the bytes of the answer; and whether the connection would serve another
    /// request. A client that leaves sends nothing more after these bytes, and says so.
    pub(crate) async fn bytes(&self, wire: &[u8], leaves: bool) -> (Vec<u8>, bool) {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let proxy = Arc::clone(&self.proxy);
        let exchange = tokio::spawn(async move {
            let (_stop, stopped) = tokio::sync::watch::channel(false);
            let session = ServerSession::new_http1(Box::new(server));
            proxy.process_new_http(session, &stopped).await.is_some()
        });
        client.write_all(wire).await.unwrap();
        if leaves {
            client.shutdown().await.unwrap();
        }
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        (answer, exchange.await.unwrap())
    }

    /// What reads this shop's configuration again.
    pub(crate) fn reloads(&self) -> Arc<Reloads> {
        let file = self.folder.path().join("shop.toml");
        let read = move || Layers::read(&file, Some("test"), []);
        let loaded = config::load(&read(), &OnDisk).unwrap_or_else(|report| panic!("{report}"));
        let ports = ports((&self.clock, &self.entropy), &self.mood, &self.names);
        Reloads::new(Box::new(read), Arc::clone(&self.shared), ports, &loaded)
    }

    /// Changes one of this shop's files.
    pub(crate) fn rewrite(&self, name: &str, change: impl FnOnce(String) -> String) {
        let file = self.folder.path().join(name);
        let text = std::fs::read_to_string(&file).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "nothing of {name} is changed");
        std::fs::write(file, changed).unwrap();
    }

    pub(crate) fn proxy(&self) -> Arc<HttpProxy<Edge>> {
        Arc::clone(&self.proxy)
    }

    /// Waits until nothing is tried again beside the requests any more.
    pub(crate) async fn settled(&self) {
        for _ in 0..10_000 {
            if self.shared.flow.retrying() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("a retry never ends");
    }

    pub(crate) fn metrics(&self) -> String {
        self.shared.telemetry.render()
    }

    /// The metrics as whoever asks the admin address gets them.
    pub(crate) async fn metrics_page(&self) -> String {
        self.admin("GET", "/metrics").await.1
    }

    /// The answer of the admin address, by a loopback name.
    pub(crate) async fn admin(&self, method: &str, path: &str) -> (u16, String) {
        self.admin_as(method, path, "localhost:9090").await
    }

    /// The same, by another name.
    pub(crate) async fn admin_as(&self, method: &str, path: &str, host: &str) -> (u16, String) {
        let router = admin::router(Arc::clone(&self.shared), Access::Loopback);
        let asked = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .body(Body::empty())
            .unwrap();
        let answer = router.oneshot(asked).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// A login of a shopper that holds for a day.
    pub(crate) fn token(&self, email: &str) -> String {
        self.token_of(email, "demostore", Duration::from_hours(24))
    }

    pub(crate) fn token_of(&self, email: &str, account: &str, life: Duration) -> String {
        self.mint(email, account, Audience::Webstore, life)
    }

    pub(crate) fn staff_token(&self, email: &str) -> String {
        self.staff_token_for(email, Duration::from_hours(24))
    }

    pub(crate) fn staff_token_for(&self, email: &str, life: Duration) -> String {
        self.mint(email, "demostore", Audience::Admin, life)
    }

    fn mint(&self, email: &str, account: &str, audience: Audience, life: Duration) -> String {
        let person = Person::find(email).expect("a person of the demo");
        let random = self.entropy.bits();
        let login = Login {
            audience,
            account,
            email,
            user_id: person.id,
            life,
            random,
        };
        mint(&self.login_key, &login, self.clock.now()).unwrap()
    }
}

/// The proxy over the configuration in a folder.
fn built(
    folder: &Path,
    (clock, entropy): (&Arc<ManualClock>, &Arc<CountedEntropy>),
    mood: &Arc<Mood>,
    names: &Arc<Known>,
) -> (Arc<Shared>, Arc<HttpProxy<Edge>>) {
    let layers = Layers::read(&folder.join("shop.toml"), Some("test"), []);
    let loaded = config::load(&layers, &OnDisk).unwrap_or_else(|report| panic!("{report}"));
    let ports = ports((clock, entropy), mood, names);
    let shared = assemble(&loaded.config, &ports).unwrap();
    let edge = Edge::new(Arc::clone(&shared), false);
    let proxy = Arc::new(http_proxy(&Arc::new(ServerConf::default()), edge));
    (shared, proxy)
}

/// What a shop has of the world.
fn ports(
    (clock, entropy): (&Arc<ManualClock>, &Arc<CountedEntropy>),
    mood: &Arc<Mood>,
    names: &Arc<Known>,
) -> Ports {
    Ports {
        clock: Arc::<ManualClock>::clone(clock),
        entropy: Arc::<CountedEntropy>::clone(entropy),
        names: Arc::<Known>::clone(names),
        directories: Arc::new(Moody(Arc::clone(mood))),
        new_keys: NewKeys::Kept,
    }
}

/// Splits a text into its tables, headers kept.
fn sections(text: &str) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') || sections.is_empty() {
            sections.push(String::new());
        }
        let section = sections.last_mut().expect("there is one by now");
        section.push_str(line);
        section.push('\n');
    }
    sections
}
