//! The installed session apps of an account (contract §5): the six of the platform, answered within
//! this process, and apps of the store's own, asked over HTTP.
//!
//! What a built-in app decides is a plain function; only asking the directory or the verifier waits.

use std::sync::Arc;

use async_trait::async_trait;

use crate::config::builtin::BuiltIn;
use crate::domain::request::trace::RequestTrace;
use crate::domain::transform::{Answer, Call, Failure};
use crate::ports::{AppCaller, Directory, DirectoryError, TokenVerifier};
use crate::telemetry::{CallCounters, CallOutcome};

pub mod authentication;
mod checkout;
mod counted;
pub mod http;
mod impersonate;
mod profile;
mod rnb;
mod said;
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tests;

pub use self::http::{HttpApp, HttpAppSettings, Outside};

use counted::Counted;

/// What the apps of one account work with.
#[derive(Clone, Debug)]
pub struct BuiltInOptions {
    /// The account's name.
    pub account_name: Arc<str>,
    /// The account's id, a GUID.
    pub account_id: Arc<str>,
    /// Whether `public.storeUserEmail` alone loads price tables.
    pub profile_by_email: bool,
    /// Whether a well-formed `public.regionId` counts.
    pub accept_region_id: bool,
    /// Where the store's data is looked up.
    pub directory: Arc<dyn Directory>,
    /// Who verifies login tokens.
    pub tokens: Arc<dyn TokenVerifier>,
}

/// Who answers for one installed app.
#[derive(Debug)]
pub enum Installed {
    /// One of the six, and where its calls are counted.
    BuiltIn(BuiltIn, CallCounters),
    /// A service.
    Http(Box<HttpApp>),
}

/// The installed apps of one account.
#[derive(Debug)]
pub struct Apps {
    installed: Vec<Installed>,
    options: BuiltInOptions,
}

impl Apps {
    /// The apps in configured order: a call names its app by position.
    pub fn new(installed: Vec<Installed>, options: BuiltInOptions) -> Self {
        Self { installed, options }
    }
}

#[async_trait]
impl AppCaller for Apps {
    async fn call(&self, call: &Call, trace: &RequestTrace) -> Result<Answer, Failure> {
        let (kind, counters) = match self.installed.get(call.app) {
            Some(Installed::BuiltIn(kind, counters)) => (*kind, counters),
            Some(Installed::Http(app)) => return app.call(call, trace).await,
            None => return Err(Failure::Unavailable("no such app is installed".to_owned())),
        };
        let counted = Counted::begin(counters);
        let answer = self.answer(kind, call, trace).await;
        counted.end(match &answer {
            Ok(_) => CallOutcome::Answered,
            Err(failure) => CallOutcome::from(failure),
        });
        answer
    }
}

impl Apps {
    async fn answer(
        &self,
        kind: BuiltIn,
        call: &Call,
        trace: &RequestTrace,
    ) -> Result<Answer, Failure> {
        let options = &self.options;
        let directory = &*options.directory;
        match kind {
            BuiltIn::Store => store::answer(call, directory).await,
            BuiltIn::Authentication => {
                authentication::answer(call, &*options.tokens, trace.client).await
            }
            BuiltIn::Profile => profile::answer(call, directory, options.profile_by_email).await,
            BuiltIn::Rnb => rnb::answer(call, directory).await,
            BuiltIn::Checkout => checkout::answer(call, directory, options.accept_region_id).await,
            BuiltIn::Impersonate => {
                impersonate::answer(call, directory, &options.account_name).await
            }
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
