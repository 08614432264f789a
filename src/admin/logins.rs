//! Logins at the console: a cookie of random bytes for whoever showed the token, or the demo's link.
//!
//! Nothing of them is on disk, and nothing but hashes in memory.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::domain::time::Millis;
use crate::ports::Entropy;

/// How long a login holds, whatever is done by it.
pub(super) const LOGIN: Duration = Duration::from_hours(12);
/// How long a one-time link is good.
const LINK: Duration = Duration::from_mins(10);
/// How many logins there may be; one more ends the one that would end first.
const MOST: usize = 64;
/// How many wrong tokens are heard in a minute before nobody is asked any more.
const WRONG: u32 = 10;
const MINUTE: Duration = Duration::from_mins(1);

/// Hashes of secrets that were handed out.
type Hash = [u8; 32];

fn hash(secret: &str) -> Hash {
    Sha256::digest(secret).into()
}

/// 32 random bytes, as they stand in cookies and links.
fn draw(entropy: &dyn Entropy) -> String {
    let bytes: Vec<u8> = [entropy.bits(), entropy.bits()]
        .iter()
        .flat_map(|bits| bits.to_be_bytes())
        .collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A link by which somebody gets in once, within ten minutes.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    hash: Hash,
    until: Millis,
}

impl Link {
    /// Draws one; with it the secret, which is kept nowhere.
    pub fn draw(entropy: &dyn Entropy, now: Millis) -> (Self, String) {
        let secret = draw(entropy);
        let link = Self {
            hash: hash(&secret),
            until: now.plus(LINK),
        };
        (link, secret)
    }
}

/// Not even the hash.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

/// Who is logged in.
pub(super) struct Logins {
    /// The cookie's name.
    name: &'static str,
    secure: bool,
    link: Mutex<Option<Link>>,
    live: Mutex<HashMap<Hash, Millis>>,
    /// Since when wrong tokens are counted, and how many there were.
    wrong: Mutex<(Millis, u32)>,
}

impl Logins {
    /// `secure`: the listener is reached over TLS alone, by names that are not this machine's own.
    pub(super) fn new(secure: bool, link: Option<Link>) -> Self {
        Self {
            name: if secure {
                "__Host-vestibule_console"
            } else {
                "vestibule_console"
            },
            secure,
            link: Mutex::new(link),
            live: Mutex::default(),
            wrong: Mutex::default(),
        }
    }

    /// Logs somebody in; the whole `Set-Cookie` line.
    pub(super) fn begin(&self, entropy: &dyn Entropy, now: Millis) -> String {
        let secret = draw(entropy);
        let mut live = self.live.lock();
        live.retain(|_, until| now < *until);
        if live.len() >= MOST {
            let first = live.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(hash, _)| *hash) {
                live.remove(&first);
            }
        }
        live.insert(hash(&secret), now.plus(LOGIN));
        self.line(&secret, LOGIN)
    }

    /// Ends the login that a request shows; the `Set-Cookie` line that takes its cookie away.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(secret) = self.shown(headers) {
            self.live.lock().remove(&hash(secret));
        }
        self.line("", Duration::ZERO)
    }

    /// Whether a request shows a login that holds.
    pub(super) fn holds(&self, headers: &HeaderMap, now: Millis) -> bool {
        self.shown(headers).is_some_and(|secret| {
            let live = self.live.lock();
            live.get(&hash(secret)).is_some_and(|until| now < *until)
        })
    }

    /// Takes the one-time link, whose secret this may be. Once only.
    pub(super) fn take_link(&self, secret: &str, now: Millis) -> bool {
        let mut link = self.link.lock();
        let good = link
            .as_ref()
            .is_some_and(|link| link.hash == hash(secret) && now < link.until);
        if good {
            *link = None;
        }
        good
    }

    /// Whether a token is listened to just now.
    pub(super) fn listens(&self, now: Millis) -> bool {
        let (since, count) = *self.wrong.lock();
        now.since(since) >= MINUTE || count < WRONG
    }

    /// A wrong token was shown.
    pub(super) fn was_wrong(&self, now: Millis) {
        let mut wrong = self.wrong.lock();
        *wrong = match *wrong {
            (since, count) if now.since(since) < MINUTE => (since, count.saturating_add(1)),
            _ => (now, 1),
        };
    }

    fn shown<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(COOKIE).iter();
        let pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name)
            .map(|(_, value)| value)
    }

    fn line(&self, value: &str, age: Duration) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
            self.name,
            age.as_secs()
        )
    }
}

/// Nothing of those who are in.
impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;

    const NOW: Millis = Millis::from_secs(1_700_000_000);

    fn showing(line: &str) -> HeaderMap {
        let (pair, _) = line.split_once(';').unwrap();
        let value = format!("other=1; {pair}").parse().unwrap();
        [(COOKIE, value)].into_iter().collect()
    }

    #[test]
    fn a_login_holds_for_twelve_hours_or_until_it_is_ended() {
        let logins = Logins::new(false, None);
        let line = logins.begin(&SystemEntropy, NOW);
        assert!(line.starts_with("vestibule_console="), "{line}");
        assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"));
        let headers = showing(&line);
        assert!(logins.holds(&headers, NOW.plus(LOGIN).minus(Duration::from_millis(1))));
        assert!(!logins.holds(&headers, NOW.plus(LOGIN)));
        assert!(!logins.holds(&showing("vestibule_console=forged;"), NOW));
        assert!(!logins.holds(&HeaderMap::new(), NOW));
        assert!(logins.end(&headers).contains("Max-Age=0"));
        assert!(!logins.holds(&headers, NOW));
    }

    #[test]
    fn on_a_listener_that_others_reach_the_cookie_is_bound_to_tls_and_host() {
        let line = Logins::new(true, None).begin(&SystemEntropy, NOW);
        assert!(line.starts_with("__Host-vestibule_console=") && line.ends_with("; Secure"));
    }

    #[test]
    fn no_two_logins_have_one_secret_and_there_are_never_more_than_sixty_four() {
        let logins = Logins::new(false, None);
        let first = showing(&logins.begin(&SystemEntropy, NOW));
        let later = NOW.plus(Duration::from_secs(1));
        let last = (0..MOST)
            .map(|_| logins.begin(&SystemEntropy, later))
            .last();
        assert!(!logins.holds(&first, later));
        assert!(logins.holds(&showing(&last.unwrap()), later));
        assert_eq!(logins.live.lock().len(), MOST);
    }

    #[test]
    fn a_link_is_good_once_and_for_ten_minutes() {
        let (link, secret) = Link::draw(&SystemEntropy, NOW);
        assert_eq!(secret.len(), 43);
        let late = Logins::new(false, Some(link.clone()));
        assert!(!late.take_link(&secret, NOW.plus(LINK)));
        let logins = Logins::new(false, Some(link));
        assert!(!logins.take_link("", NOW));
        assert!(!logins.take_link(&secret.to_uppercase(), NOW));
        assert!(logins.take_link(&secret, NOW));
        assert!(!logins.take_link(&secret, NOW));
        assert!(!Logins::new(false, None).take_link(&secret, NOW));
    }

    #[test]
    fn after_ten_wrong_tokens_nobody_is_heard_for_the_rest_of_the_minute() {
        let logins = Logins::new(false, None);
        for _ in 0..WRONG {
            assert!(logins.listens(NOW));
            logins.was_wrong(NOW);
        }
        assert!(!logins.listens(NOW));
        assert!(logins.listens(NOW.plus(MINUTE)));
    }
}
