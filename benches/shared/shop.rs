//! A shop without network: the flow over the demo store's directory and a store full of sessions.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use vestibule::account::Account;
use vestibule::assemble::{DirectoriesOnDisk, NewKeys, Ports, compile};
use vestibule::clock::{SystemClock, SystemEntropy};
use vestibule::config::{self, Layers, OnDisk};
use vestibule::demo::{PEOPLE, Person};
use vestibule::domain::cookies::ResponseFacts;
use vestibule::domain::plans::SharedBody;
use vestibule::domain::request::NormalPath;
use vestibule::domain::session::field::known;
use vestibule::domain::session::{Body, LoginHashes, Session, SessionId, Upkeep};
use vestibule::domain::time::Millis;
use vestibule::domain::token::{Claims, TokenUse, hash_cookie, hash_token, sign_token};
use vestibule::domain::vtexid::{Audience, Login as VtexLogin, LoginKey, draw_login_key, mint};
use vestibule::edge::Shared;
use vestibule::flow::{Decision, Flow, Leaving};
use vestibule::outbound::names::SystemNames;
use vestibule::ports::{Clock, Entropy as _, SessionStore as _};
use vestibule::store::memory::MemoryCapacity;
use vestibule::store::{Login, MemoryStore};
use vestibule::telemetry::Telemetry;

use super::requests::{self, AUTH_COOKIE, Dice, Request};

/// How many campaigns the shoppers come from; each is one shared body.
const CAMPAIGNS: u64 = 50;
/// How many values an authenticated session holds.
const AUTHENTICATED_VALUES: usize = 25;
const ANA: Person = PEOPLE[0];
const HOUR: Duration = Duration::from_hours(1);

/// An account of all six apps, and the flow over it.
pub(crate) struct Shop {
    pub(crate) account: Arc<Account>,
    pub(crate) store: Arc<MemoryStore>,
    /// The same for the proxy as pingora drives it.
    pub(crate) shared: Arc<Shared>,
    login: LoginKey,
    /// When every session here began and got its cookie.
    began: Millis,
}

fn configuration(folder: &std::path::Path, upstream: SocketAddr) -> String {
    let directory =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/demo-directory.toml");
    let directory = directory.display().to_string();
    let apps = [
        "store",
        "authentication",
        "impersonate",
        "profile",
        "rnb",
        "checkout",
    ];
    let apps = apps.map(|name| format!("[[account.app]]\nname = \"{name}\"\n"));
    format!(
        r#"
        [limits]
        new_sessions_per_minute = 0
        [[listener]]
        name = "street"
        address = "127.0.0.1:1"
        [[account]]
        name = "demostore"
        id = "d5f1c7a2-3b44-4f5e-9a68-7c0d2e9b4a10"
        hosts = ["shop.example"]
        [account.keys]
        file = {keys:?}
        create = true
        sign_after = "0s"
        [account.directory]
        file = {directory:?}
        [account.authentication]
        local_key = {login:?}
        [[account.upstream]]
        name = "store"
        addresses = ["{upstream}"]
        {apps}
        [[account.route]]
        path = "/account"
        session = "required"
        [[account.route]]
        path = "/static"
        session = "none"
        [[account.route]]
        path = "/poll"
        touch = false
        "#,
        keys = folder.join("keys.json").display().to_string(),
        login = folder.join("login.json").display().to_string(),
        apps = apps.concat(),
    )
}

impl Shop {
    /// A shop without sessions, and without a server behind it.
    pub(crate) fn new() -> Self {
        Self::before(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    }

    /// A shop without sessions before a server.
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a few files");
        let file = folder.path().join("shop.toml");
        let login = draw_login_key(&mut || SystemEntropy.bits());
        let configuration = configuration(folder.path(), upstream);
        std::fs::write(&file, configuration).expect("the folder is ours");
        std::fs::write(folder.path().join("login.json"), &login).expect("the folder is ours");
        let loaded = config::load(&Layers::read(&file, None, []), &OnDisk)
            .expect("the configuration is right");
        let clock = Arc::new(SystemClock::start());
        let ports = Ports {
            clock: Arc::<SystemClock>::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            names: Arc::new(SystemNames),
            directories: Arc::new(DirectoriesOnDisk),
            new_keys: NewKeys::Kept,
        };
        let telemetry = Arc::new(Telemetry::new());
        let running = compile(&loaded.config, &ports, &telemetry).expect("all files are there");
        let path = NormalPath::read("/").expect("it is a path");
        let site = running.hosts.find("shop.example", &path);
        let account = Arc::clone(&site.expect("the host is configured").account);
        let capacity = MemoryCapacity {
            anonymous: 1 << 34,
            authenticated: 1 << 34,
            anonymous_unused: HOUR,
            authenticated_unused: HOUR,
        };
        let store = Arc::new(MemoryStore::new(capacity));
        let flow = Flow::new(
            Arc::<SystemClock>::clone(&clock),
            Arc::new(SystemEntropy),
            Arc::<MemoryStore>::clone(&store),
        );
        let shared = Arc::new(Shared {
            running: ArcSwap::from_pointee(running),
            flow,
            telemetry,
        });
        Self {
            account,
            store,
            shared,
            login: LoginKey::parse(&login).expect("it was drawn as one"),
            began: clock.now(),
        }
    }

    /// A request from inputs to cookies, as the edge drives it: decided, and left on a plain 200.
    pub(crate) async fn pass(&self, request: &Request) -> (Decision, Leaving) {
        let view = request.view();
        let mut decision = self
            .shared
            .flow
            .decide(&self.account, &view, &|| true)
            .await;
        let facts = ResponseFacts {
            status: 200,
            cache_control: None,
        };
        let settings = &self.account.cookies.secure;
        let leaving = self
            .shared
            .flow
            .leave(&mut decision, settings, &facts)
            .await;
        (decision, leaving)
    }

    /// The same where nothing is to wait for.
    pub(crate) fn pass_at_once(&self, request: &Request) -> (Decision, Leaving) {
        let mut passing = pin!(self.pass(request));
        match passing
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(passed) => passed,
            Poll::Pending => unreachable!("a request with nothing new waits for nothing"),
        }
    }

    /// A shopper's request; the session's number says which campaign they came by.
    pub(crate) fn request(&self, number: u64, kind: Kind) -> Request {
        let auth = (kind == Kind::Authenticated).then(|| requests::auth_token(number));
        let session = self.token(number, kind);
        let cookies = requests::cookies(auth.as_deref(), Some(&session)).join("; ");
        let query = match kind {
            Kind::Anonymous => requests::campaign_query(number % CAMPAIGNS),
            Kind::Authenticated => requests::newsletter_query(number % CAMPAIGNS),
        };
        Request::new(&[cookies], Some(query))
    }

    /// A first visit by a campaign's link.
    pub(crate) fn first_visit(campaign: u64) -> Request {
        let cookies = requests::cookies(None, None).join("; ");
        Request::new(&[cookies], Some(requests::campaign_query(campaign)))
    }

    /// Fills the store with anonymous sessions, the bodies of which are shared as in life.
    pub(crate) async fn fill_anonymous(&self, sessions: u64) {
        let mut bodies = Vec::new();
        for campaign in 0..CAMPAIGNS {
            let (decision, _) = self.pass(&Self::first_visit(campaign)).await;
            bodies.push(decision.trace.body.expect("a first visit gives a session"));
        }
        for (number, body) in (0..sessions).zip(bodies.iter().cycle()) {
            let session = self.session(number, Kind::Anonymous, Arc::clone(body));
            self.keep(session).await;
        }
    }

    /// Fills the store with sessions of shoppers who are logged in, each with a body of its own.
    pub(crate) async fn fill_authenticated(&self, sessions: u64) {
        let mut bodies = Vec::new();
        for campaign in 0..CAMPAIGNS {
            bodies.push(self.first_login(campaign).await);
        }
        for (number, body) in (0..sessions).zip(bodies.iter().cycle()) {
            let (auth, keys) = (requests::auth_token(number), &self.account.keys);
            let mut body = body.clone();
            for (field, text) in [
                ("authentication.storeUserId", format!("user-{number}")),
                ("profile.id", format!("customer-{number}")),
                ("profile.email", format!("shopper{number}@example.com")),
                (
                    "cookie.VtexIdclientAutCookie_demostore",
                    hash_cookie(keys.hash_key(), AUTH_COOKIE, &auth),
                ),
            ] {
                body.set(known(field), json!(text));
            }
            let token = hash_token(keys.hash_key(), &auth);
            let login = Login::new(self.began, self.began.plus(HOUR));
            let opened = self.store.open_login(token, login).await;
            opened.expect("memory is always there");
            let body = Arc::new(SharedBody::new(&self.account.name, &body));
            // The request that made the session has made its plans.
            body.plans(&self.account.headers, self.account.generation);
            let session = Session {
                logins: [token].into(),
                ..self.session(number, Kind::Authenticated, body)
            };
            self.keep(session).await;
        }
    }

    /// What a session holds after a login by the link of a campaign.
    async fn first_login(&self, campaign: u64) -> Body {
        let login = VtexLogin {
            audience: Audience::Webstore,
            account: &self.account.name,
            email: ANA.email,
            user_id: ANA.id,
            life: HOUR,
            random: u128::from(campaign),
        };
        let auth = mint(&self.login, &login, self.began).expect("the login is in order");
        let cookies = requests::cookies(Some(&auth), None).join("; ");
        let request = Request::new(&[cookies], Some(requests::newsletter_query(campaign)));
        let (decision, _) = self.pass(&request).await;
        let body = decision.trace.body.expect("a first visit gives a session");
        assert_eq!(body.fields().len(), AUTHENTICATED_VALUES, "{body:?}");
        body.fields()
    }

    async fn keep(&self, session: Session) {
        let kept = self.store.create(session, HOUR).await;
        kept.expect("numbers have different ids");
    }

    fn session(&self, number: u64, kind: Kind, body: Arc<SharedBody>) -> Session {
        let token = self.token(number, kind);
        Session {
            id: id(number, kind),
            body,
            version: 1,
            created_at: self.began,
            issued_at: self.began,
            last_seen: self.began,
            token: Some(hash_token(self.account.keys.hash_key(), &token)),
            logins: LoginHashes::default(),
            upkeep: Upkeep::default(),
        }
    }

    /// The cookie of a session. Signing twice gives the same, so none needs to be kept.
    fn token(&self, number: u64, kind: Kind) -> String {
        let claims = Claims {
            id: id(number, kind),
            account: &self.account.name,
            issued: self.began,
            expires: self.began.plus(HOUR),
            authenticated: kind == Kind::Authenticated,
            light: false,
            token_use: TokenUse::Cookie,
        };
        sign_token(&self.account.keys, &claims, self.began).expect("the claims are small")
    }
}

/// Whether a shopper is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Anonymous,
    Authenticated,
}

/// The id of the session with this number.
pub(crate) fn id(number: u64, kind: Kind) -> SessionId {
    let mut dice = Dice(number << 1 | u64::from(kind == Kind::Authenticated));
    SessionId::from_random(u128::from(dice.roll()) << 64 | u128::from(dice.roll()))
}
