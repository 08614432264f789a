//! What a body holds of a request: the layout says what the fields say.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Held, Inputs};
use crate::domain::session::field::known;
use crate::domain::session::{Body, Field, Packed};
use crate::domain::token::{HashKey, hash_cookie, is_cookie_hash};

const KEY: HashKey = HashKey::from_bytes([7; 16]);

/// The same, asked field by field.
fn holds_all(body: &Body, inputs: &Inputs<'_>) -> bool {
    fn text<'b>(body: &'b Body, namespace: &str, name: &str) -> Option<&'b str> {
        body.at(namespace, name).and_then(Value::as_str)
    }
    let captures = |name: &str| inputs.captured.iter().any(|(other, _)| *other == name);
    let public = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| {
        text(body, "public", name) == Some(value.as_ref())
    };
    let cookie = |&(name, value): &(&str, &str)| {
        text(body, "cookie", name).is_some_and(|kept| is_cookie_hash(kept, &KEY, name, value))
    };
    inputs.public.iter().all(public)
        && inputs.captured.iter().all(cookie)
        && (inputs.cookies_cut
            || body
                .namespace("cookie")
                .all(|(field, _)| captures(field.key())))
        && inputs
            .order_form
            .is_none_or(|id| body.text("checkout.orderFormId") == Some(id))
}

fn body(public: &[(String, Value)], cookies: &[(String, Value)], cart: Option<&Value>) -> Body {
    let mut body = Body::new();
    for (namespace, fields) in [("public", public), ("cookie", cookies)] {
        for (name, value) in fields {
            body.set(Field::new(namespace, name).unwrap(), value.clone());
        }
    }
    if let Some(cart) = cart {
        body.set(known("checkout.orderFormId"), cart.clone());
    }
    body.set(known("public-x.a"), json!("b"));
    body
}

fn name() -> impl Strategy<Value = String> {
    "[ab]{1,2}"
}

fn value() -> impl Strategy<Value = String> {
    "[ab]{0,2}"
}

proptest! {
    #[test]
    fn it_is_what_the_fields_say(
        public in prop::collection::btree_map(name(), value(), 0..4),
        odd in prop::collection::vec((name(), prop_oneof![Just(json!(1)), Just(json!("a"))]), 0..2),
        cookies in prop::collection::btree_map(name(), value(), 0..4),
        cart in prop::option::of(value()),
        forgotten in 0_usize..4,
        cookies_cut: bool,
        said in prop::option::of((name(), value())),
    ) {
        // The request says what the body was made of, more or less.
        let mut inputs = Inputs { cookies_cut, order_form: cart.as_deref(), ..Inputs::default() };
        let pairs = public.iter().skip(forgotten);
        inputs.public = pairs.map(|(name, value)| (name.into(), value.into())).collect();
        let mut captured = cookies.clone();
        captured.extend(said);
        let pairs = captured.iter().skip(forgotten / 3);
        inputs.captured = pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect();

        let fields = public.iter().map(|(name, value)| (name.clone(), json!(value)));
        let fields: Vec<(String, Value)> = fields.chain(odd.clone()).collect();
        let hash = |name: &str, value: &str| json!(hash_cookie(&KEY, name, value));
        let kept = cookies.iter().map(|(name, value)| (name.clone(), hash(name, value)));
        let kept: Vec<(String, Value)> = kept.collect();
        let cart = cart.as_ref().map(|cart| json!(cart));
        for (fields, kept, cart) in [
            (fields.as_slice(), kept.as_slice(), cart.as_ref()),
            (&fields, &odd, cart.as_ref()),
            (&fields, &kept, None),
            (&odd, &kept, cart.as_ref()),
        ] {
            let body = body(fields, kept, cart);
            let packed = Packed::of(&body);
            let held = Held::of(&packed);
            prop_assert_eq!(held.holds_all(&packed, &inputs, inputs.cookies_cut, &KEY), holds_all(&body, &inputs), "{:?}", body);
        }
    }
}
