//! What a body holds of the things that requests say, found beforehand to be compared with them.

use std::fmt;

use super::Inputs;
use crate::domain::session::packed::{Packed, Run};
use crate::domain::token::{CookieHash, HashKey};

const PUBLIC: &str = "public.";
const COOKIE: &str = "cookie.";

/// Made once for a body: a request is then compared with a few neighbouring bytes of it, and no
/// field is searched for.
pub struct Held {
    public: Run,
    captured: Run,
    /// The hash of each captured cookie; None: what is kept is none.
    cookies: Box<[Option<CookieHash>]>,
}

impl Held {
    /// Reads a body.
    pub fn of(body: &Packed) -> Self {
        let captured = body.beginning(COOKIE);
        let cookies = body
            .run(captured)
            .map(|field| field.text().and_then(CookieHash::read));
        Self {
            public: body.beginning(PUBLIC),
            captured,
            cookies: cookies.collect(),
        }
    }

    /// What it takes in memory, in bytes, beside itself.
    pub fn weight(&self) -> usize {
        size_of_val(&*self.cookies)
    }

    /// Whether all that a request says is held already by the body that this was read from: every
    /// parameter and captured cookie as it is, no captured cookie more, and the cart. Builds nothing.
    /// Where `absent_is_unknown`, a captured cookie that was not found says nothing.
    pub fn holds_all(
        &self,
        body: &Packed,
        inputs: &Inputs<'_>,
        absent_is_unknown: bool,
        key: &HashKey,
    ) -> bool {
        let missing = inputs.public.iter().any(|(name, value)| {
            // To the end of the run, each time: it is as short as the link was that made it.
            !body.run(self.public).any(|held| {
                held.text() == Some(value.as_ref())
                    && held.name.get(PUBLIC.len()..) == Some(name.as_ref())
            })
        });
        if missing {
            return false;
        }
        let mut matched = 0;
        for (held, kept) in body.run(self.captured).zip(&self.cookies) {
            let name = held.name.get(COOKIE.len()..).unwrap_or_default();
            let mut captured = inputs.captured.iter();
            match captured.find(|(captured, _)| *captured == name) {
                Some((name, value)) => {
                    if *kept != Some(CookieHash::of(key, name, value)) {
                        return false;
                    }
                    matched += 1;
                }
                None if absent_is_unknown => {}
                None => return false,
            }
        }
        // Each name is captured once: as many matches as cookies are all of them.
        matched == inputs.captured.len()
            && inputs
                .order_form
                .is_none_or(|id| body.text("checkout.orderFormId") == Some(id))
    }
}

/// Never what is held: it is a shopper's own.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}
