//! In front of a store on the platform: what is looked up where, how often, and what becomes of
//! shoppers when a source is slow, broken or gone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use vestibule::domain::vtexid::{Audience, Login, LoginKey, draw_login_key, mint};
use vestibule::ports::{Clock, Entropy};

use super::support::clock::CountedEntropy;
use super::support::vtex::{APP_KEY, APP_TOKEN, Platform};
use super::support::{Shop, Shopper};

mod faults;
mod lookups;
mod outage;
mod program;
mod served;
mod tokens;

/// The cookie of a shopper's login.
const SHOPPER: &str = "VtexIdclientAutCookie_demostore";
const STAFF: &str = "VtexIdclientAutCookie";
const ANA: (&str, &str) = ("11111111-1111-4111-8111-111111111111", "ana@example.com");

/// A shop in front of a platform.
#[derive(Debug)]
struct Front {
    platform: Platform,
    shop: Arc<Shop>,
    files: TempDir,
}

impl Front {
    async fn start() -> Self {
        Self::with("").await
    }

    /// With something more in its configuration.
    async fn with(over: &str) -> Self {
        Self::told(over, |_, _| String::new()).await
    }

    /// With something in its configuration that names the platform or a folder.
    async fn told(over: &str, more: impl FnOnce(&Platform, &Path) -> String) -> Self {
        Self::at(None, over, more).await
    }

    /// The same, with a platform that is called by this address instead of its own.
    async fn at(
        address: Option<&str>,
        over: &str,
        more: impl FnOnce(&Platform, &Path) -> String,
    ) -> Self {
        let platform = Platform::start().await;
        let files = tempfile::tempdir().unwrap();
        let path = |name: &str| files.path().join(name);
        std::fs::write(path("app-key"), format!("{APP_KEY}\n")).unwrap();
        std::fs::write(path("app-token"), format!("{APP_TOKEN}\n")).unwrap();
        let more = more(&platform, files.path());
        let url = address.map_or_else(|| platform.url(), str::to_owned);
        let calls = if over.contains("[account.calls]") {
            ""
        } else {
            "[account.calls]\nretries = 0\n"
        };
        let text = format!(
            r#"
{over}
{more}
[account.directory]
kind = "vtex"
[account.directory.vtex]
address = "{url}/"
app_key_file = {key:?}
app_token_file = {token:?}
folder = {folder:?}
{calls}
[limits]
new_sessions_per_minute = 0
"#,
            key = path("app-key"),
            token = path("app-token"),
            folder = path("kept"),
        );
        Self {
            shop: Shop::with(&text).await,
            platform,
            files,
        }
    }

    fn shopper(&self) -> Shopper {
        Shopper::new(&self.shop)
    }

    fn ana(&self) -> Shopper {
        Shopper::known(&self.shop, ANA.1)
    }

    /// A header that the backend got last.
    fn got(&self, name: &str) -> Option<String> {
        self.shop.origin.last().header(name).map(str::to_owned)
    }

    fn counts(&self, line: &str) {
        let metrics = self.shop.metrics();
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }

    /// How the last look-up of a kind was answered.
    fn looked(&self, what: &str) -> Option<String> {
        let running = self.shop.shared.running.load();
        let site = running.hosts.sites().next().unwrap();
        let all = site.account.recent.all();
        let mut of = all.into_iter().filter(|looked| looked.what == what);
        of.next_back().map(|looked| looked.to_string())
    }

    /// Waits until nothing is tried again beside the requests. It goes over real sockets, so that
    /// only time can say that it never ends.
    async fn settled(&self) {
        let settling = async {
            while self.shop.shared.flow.retrying() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_mins(1), settling).await;
        assert!(ended.is_ok(), "a retry never ends");
    }

    /// Has everything tended that is due, as the program does every few seconds.
    async fn tend(&self) {
        let remotes = self.shop.shared.running.load().hosts.remotes();
        for remote in remotes {
            remote.tend().await;
        }
    }
}

/// Keys of a login that this process does not hold.
#[derive(Debug)]
struct Elsewhere(LoginKey);

impl Elsewhere {
    fn new() -> Self {
        let text = draw_login_key(&mut || CountedEntropy.bits());
        Self(LoginKey::parse(&text).unwrap())
    }

    fn token(&self, shop: &Shop, (user_id, email): (&str, &str), audience: Audience) -> String {
        let login = Login {
            audience,
            account: "demostore",
            email,
            user_id,
            life: Duration::from_hours(24),
            random: CountedEntropy.bits(),
        };
        mint(&self.0, &login, shop.clock.now()).unwrap()
    }
}
