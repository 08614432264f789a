//! A client that says again what it said before: cookies that are the same byte for byte need not
//! be read again, nor proved again, as long as the session that they named is the same.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use http::HeaderMap;
use http::header::COOKIE;
use memchr::memmem;

use super::decision::{Decision, Issue};
use super::lookup::{Alive, LookedUp, Lookup};
use super::{Flow, Stage};
use crate::account::Account;
use crate::domain::inputs::{read_inputs, read_parameters};
use crate::domain::request::RequestView;
use crate::domain::session::Session;
use crate::store::{Found, Resident};

/// What a client said on its connection, and the session that it was recognised for.
///
/// Nothing is believed for its sake: it stands for the work of reading these very bytes under this
/// very configuration, against this very state of the session. Any other byte, a reload, a changed,
/// ended or forgotten session, and it stands for nothing.
pub struct Said {
    account: Arc<Account>,
    insecure_cookies: bool,
    /// The one Cookie line.
    cookies: Box<[u8]>,
    /// Where the session's token lies in it.
    token: Range<usize>,
    resident: Arc<Resident>,
}

impl Said {
    /// What a request said, where it may be remembered: by [`Decision::repeatable`].
    pub fn of(decision: &Decision, request: &RequestView<'_>) -> Option<Self> {
        let resident = decision.cookies.session.as_ref();
        let resident = resident.filter(|_| decision.repeatable)?;
        let line = only_cookie_line(request.headers)?;
        let inputs = read_inputs(request, &decision.account.inputs);
        let &[token] = inputs.tokens.as_slice() else {
            return None;
        };
        let from = memmem::find(line, token.as_bytes())?;
        Some(Self {
            account: Arc::clone(&decision.account),
            insecure_cookies: request.insecure_cookies,
            cookies: line.into(),
            token: from..from + token.len(),
            resident: Arc::clone(resident),
        })
    }

    /// Whether a request says just this.
    fn is_said_by(&self, account: &Arc<Account>, request: &RequestView<'_>) -> bool {
        Arc::ptr_eq(&self.account, account)
            && self.insecure_cookies == request.insecure_cookies
            && only_cookie_line(request.headers).is_some_and(|line| *line == *self.cookies)
    }

    /// The session as it was then.
    pub fn session(&self) -> &Session {
        self.resident.session()
    }

    fn token(&self) -> &str {
        let token = self.cookies.get(self.token.clone()).unwrap_or_default();
        std::str::from_utf8(token).unwrap_or_default()
    }
}

/// Never what was said: it holds tokens.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Said(..)")
    }
}

/// The Cookie line of a request that has just one.
pub fn only_cookie_line(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(COOKIE).iter();
    let line = lines.next()?;
    lines.next().is_none().then_some(line.as_bytes())
}

impl Flow {
    /// Decides about a page whose cookies were `said` before, if nothing else is new either;
    /// `None`: it is to be decided about like any other.
    pub fn again(
        self: &Arc<Self>,
        account: &Arc<Account>,
        request: &RequestView<'_>,
        said: &Said,
    ) -> Option<Decision> {
        self.alive_again(account, request, said, |stage, alive| {
            self.unchanged(stage, alive)
        })
    }

    /// Whether a read over the Session API may be answered from the session as it was, on the same
    /// terms, and nothing is to be told, nor a cookie to leave, with the answer.
    pub fn glance(
        self: &Arc<Self>,
        account: &Arc<Account>,
        request: &RequestView<'_>,
        said: &Said,
    ) -> bool {
        let silent = self.alive_again(account, request, said, |stage, alive| {
            !alive.clock_step && alive.due(stage) == Issue::No
        });
        silent == Some(true)
    }

    fn alive_again<T>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        request: &RequestView<'_>,
        said: &Said,
        with: impl FnOnce(Stage<'_>, Alive) -> T,
    ) -> Option<T> {
        if !said.is_said_by(account, request) {
            return None;
        }
        let inputs = read_parameters(request, &account.inputs);
        let stage = self.stage(account, request, &inputs, &|| false);
        if stage.without_session() {
            return None;
        }
        let alive = self.still_there(stage, said)?;
        if stage.activity {
            self.touch(stage, &alive.resident);
        }
        Some(with(stage, alive))
    }

    /// The session, if it is as it was and neither due for anything nor told anything new.
    fn still_there(&self, stage: Stage<'_>, said: &Said) -> Option<Alive> {
        let keys = &stage.account.keys;
        let session = said.resident.session();
        if !keys.is_current(said.token(), stage.now) {
            return None;
        }
        // A changed session is another resident; asking keeps it in the cache, too.
        let found = self.store.peek(session.id, session.authenticated());
        let Some(Found::Live(resident)) = found else {
            return None;
        };
        let due = stage.due(session);
        let same = Arc::ptr_eq(&resident, &said.resident)
            && due.pending.is_empty()
            && due.aged.is_empty()
            && stage.login_stands(&resident)
            && stage.parameters_are_held(&resident);
        if !same {
            return None;
        }
        let iat = session.issued_at;
        let recognised = Alive {
            resident,
            iat,
            reissue: false,
            clock_step: false,
            lookup: Lookup::Recognised { iat },
        };
        match Self::judge(stage, recognised) {
            LookedUp::Alive(alive) => Some(alive),
            _ => None,
        }
    }
}

impl Stage<'_> {
    /// Whether a session holds all parameters of this request; of its cookies that is known.
    fn parameters_are_held(&self, resident: &Resident) -> bool {
        let key = self.account.keys.hash_key();
        let body = &resident.session().body;
        self.inputs.public.is_empty() || body.holds_all(self.inputs, true, key)
    }
}
