//! The six session apps of the platform, answered within this process (contract §5).
//!
//! What each decides is a plain function; only asking the directory or the verifier waits.

use std::sync::Arc;

use async_trait::async_trait;

use crate::config::builtin::BuiltIn;
use crate::domain::transform::{Answer, Call, Failure};
use crate::ports::{AppCaller, Directory, DirectoryError, TokenVerifier};

pub mod authentication;
mod checkout;
mod impersonate;
mod profile;
mod rnb;
mod said;
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tests;

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

/// The installed built-in apps of one account.
#[derive(Debug)]
pub struct Builtins {
    installed: Vec<BuiltIn>,
    options: BuiltInOptions,
}

impl Builtins {
    /// The apps in configured order: a call names its app by position.
    pub fn new(installed: Vec<BuiltIn>, options: BuiltInOptions) -> Self {
        Self { installed, options }
    }
}

#[async_trait]
impl AppCaller for Builtins {
    async fn call(&self, call: &Call) -> Result<Answer, Failure> {
        let Some(kind) = self.installed.get(call.app) else {
            return Err(Failure::Unavailable("no such app is built in".to_owned()));
        };
        let options = &self.options;
        let directory = &*options.directory;
        match kind {
            BuiltIn::Store => store::answer(call, directory).await,
            BuiltIn::Authentication => authentication::answer(call, &*options.tokens).await,
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
