//! What the apps' tests share: calls, the demo's directory, and strict fakes.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;

use crate::directory::embedded::Embedded;
use crate::domain::patch::{Edit, Patch};
use crate::domain::session::Body;
use crate::domain::session::field::known;
use crate::domain::transform::{Call, Failure};
use crate::ports::{
    AuthOutcome, Channels, Customer, Directory, DirectoryError, Place, TokenVerifier, Visit,
};

pub(super) const ANA: &str = "11111111-1111-4111-8111-111111111111";
pub(super) const BRUNO: &str = "22222222-2222-4222-8222-222222222222";

/// The demo store's directory.
pub(super) fn demo() -> Embedded {
    Embedded::parse(include_str!("../../conf/demo-directory.toml")).unwrap()
}

fn body(fields: &[(&'static str, &str)]) -> Body {
    let fields = fields.iter();
    fields
        .map(|(name, text)| (known(name), Value::from(*text)))
        .collect()
}

/// A call with these inputs, of an app whose outputs are these.
pub(super) fn call(inputs: &[(&'static str, &str)], current: &[(&'static str, &str)]) -> Call {
    Call {
        app: 0,
        inputs: body(inputs),
        current: body(current),
        create: false,
    }
}

/// A call with one input, of whatever type.
pub(super) fn call_with(name: &'static str, value: Value) -> Call {
    Call {
        inputs: [(known(name), value)].into_iter().collect(),
        ..call(&[], &[])
    }
}

/// What a patch does, one line a field, without the namespace.
pub(super) fn shown(patch: &Patch) -> Vec<String> {
    let line = |key: &str, edit: &Edit| match edit {
        Edit::Set(slot) => match slot.value() {
            Value::String(text) => format!("{key}={text}"),
            value => format!("{key}:{value}"),
        },
        Edit::Unset => format!("-{key}"),
    };
    patch
        .iter()
        .map(|(field, edit)| line(field.key(), edit))
        .collect()
}

/// A directory that must not be asked.
#[derive(Debug)]
pub(super) struct Unasked;

#[async_trait]
impl Directory for Unasked {
    async fn channels(&self, _: Option<&str>) -> Result<Arc<Channels>, DirectoryError> {
        panic!("nobody expected a question for channels");
    }

    async fn customer(&self, _: &str) -> Result<Option<Arc<Customer>>, DirectoryError> {
        panic!("nobody expected a question for a customer");
    }

    async fn customer_by_email(&self, _: &str) -> Result<Option<Arc<Customer>>, DirectoryError> {
        panic!("nobody expected a question for a customer by e-mail");
    }

    async fn campaigns(&self, _: Visit<'_>) -> Result<Vec<String>, DirectoryError> {
        panic!("nobody expected a question for campaigns");
    }

    async fn region(&self, _: Place<'_>) -> Result<Option<String>, DirectoryError> {
        panic!("nobody expected a question for a region");
    }

    async fn may_impersonate(&self, _: &str) -> Result<bool, DirectoryError> {
        panic!("nobody expected a question for a permission");
    }
}

/// Cookies by name and value.
pub(super) type Cookies = Vec<(String, String)>;

type Expected = (Cookies, Result<AuthOutcome, Failure>);

/// A verifier that expects certain cookies, once each, and knows its answer to them.
#[derive(Debug, Default)]
pub(super) struct Verdicts(Mutex<Vec<Expected>>);

impl Verdicts {
    pub(super) fn expect(
        self,
        cookies: &[(&str, &str)],
        verdict: Result<AuthOutcome, Failure>,
    ) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let cookies = cookies.iter().map(owned).collect();
        self.0.lock().push((cookies, verdict));
        self
    }
}

#[async_trait]
impl TokenVerifier for Verdicts {
    async fn verify(
        &self,
        cookies: &[(String, String)],
        _: Option<IpAddr>,
    ) -> Result<AuthOutcome, Failure> {
        let mut verdicts = self.0.lock();
        let Some(at) = verdicts
            .iter()
            .position(|(expected, _)| expected == cookies)
        else {
            let expected: Vec<&Cookies> = verdicts.iter().map(|(cookies, _)| cookies).collect();
            panic!("asked for {cookies:?}, expected one of {expected:?}");
        };
        verdicts.remove(at).1
    }
}
