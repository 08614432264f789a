//! What a body holds of the things that requests say, laid out to be compared with them.

use std::fmt;

use super::Inputs;
use crate::domain::session::Body;
use crate::domain::token::{CookieHash, HashKey};

/// Made once for a body: a request is then compared with a few neighbouring bytes instead of with
/// fields that lie all over memory.
#[derive(Default)]
pub struct Held {
    /// All texts below, one after the other, in this order.
    texts: Box<str>,
    /// Lengths of name and value of each field of `public` that holds a text.
    public: Box<[(usize, usize)]>,
    /// Length of each captured cookie's name, and its hash; None: what is kept is none.
    cookies: Box<[(usize, Option<CookieHash>)]>,
    order_form: bool,
}

impl Held {
    /// Reads a body.
    pub fn of(body: &Body) -> Self {
        let mut texts = String::new();
        let public = body.namespace("public").filter_map(|(field, slot)| {
            let (name, value) = (field.key(), slot.value().as_str()?);
            texts.extend([name, value]);
            Some((name.len(), value.len()))
        });
        let public = public.collect();
        let cookies = body.namespace("cookie").map(|(field, slot)| {
            texts.push_str(field.key());
            let kept = slot.value().as_str().and_then(CookieHash::read);
            (field.key().len(), kept)
        });
        let cookies = cookies.collect();
        let order_form = body.text("checkout.orderFormId");
        texts.push_str(order_form.unwrap_or_default());
        Self {
            texts: texts.into(),
            public,
            cookies,
            order_form: order_form.is_some(),
        }
    }

    /// What it takes in memory, in bytes, beside itself.
    pub fn weight(&self) -> usize {
        self.texts.len() + size_of_val(&*self.public) + size_of_val(&*self.cookies)
    }

    /// Whether all that a request says is held already: every parameter and captured cookie as it
    /// is, no captured cookie more, and the cart. Builds nothing. Where `absent_is_unknown`, a captured
    /// cookie that was not found says nothing.
    pub fn holds_all(&self, inputs: &Inputs<'_>, absent_is_unknown: bool, key: &HashKey) -> bool {
        let mut held = Texts(self.texts.as_bytes());
        let public = held.clone();
        let missing = inputs.public.iter().any(|(name, value)| {
            let mut held = public.clone();
            // To the end of the list, each time: it is as short as the link was that made it.
            let mut pairs = self.public.iter();
            !pairs.any(|&(name_len, value_len)| {
                let (held_name, held_value) = (held.next(name_len), held.next(value_len));
                held_name == name.as_bytes() && held_value == value.as_bytes()
            })
        });
        if missing {
            return false;
        }
        held.skip(self.public.iter().map(|(name, value)| name + value).sum());
        let mut matched = 0;
        for &(name_len, kept) in &self.cookies {
            let name = held.next(name_len);
            let mut captured = inputs.captured.iter();
            match captured.find(|(captured, _)| captured.as_bytes() == name) {
                Some((name, value)) => {
                    if kept != Some(CookieHash::of(key, name, value)) {
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
                .is_none_or(|id| self.order_form && held.0 == id.as_bytes())
    }
}

/// Texts that lie one after the other.
#[derive(Clone)]
struct Texts<'a>(&'a [u8]);

impl<'a> Texts<'a> {
    fn next(&mut self, length: usize) -> &'a [u8] {
        let (text, rest) = self.0.split_at_checked(length).unwrap_or_default();
        self.0 = rest;
        text
    }

    fn skip(&mut self, length: usize) {
        self.next(length);
    }
}

/// Never what is held: it is a shopper's own.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}
