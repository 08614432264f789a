//! The apps of an account, with what is remembered of them.

use std::sync::Arc;

use super::{AccountSources, AssembleError, Ports, services, sources};
use crate::apps::{Apps, BuiltInOptions, Outside};
use crate::config::Config;
use crate::config::builtin::BuiltIn;
use crate::config::values::{self, Runs};
use crate::memo::{Memo, MemoCapacity, Outcomes, Remember};
use crate::outbound::recent::Recent;
use crate::outbound::remote::Remote;
use crate::ports::{AppCaller, Directory, TokenVerifier};
use crate::telemetry::{MemoCounters, Telemetry};

/// One in so many bytes of an account's memo is for whole cycles, the others are for answers.
const OUTCOMES: u64 = 4;

/// What an account's apps are.
pub(super) struct Installed {
    /// They themselves, behind their memo.
    pub(super) apps: Arc<dyn AppCaller>,
    /// What came of whole cycles of theirs.
    pub(super) outcomes: Outcomes,
    /// Where they look things up.
    pub(super) directory: Arc<dyn Directory>,
    /// What they looked up last.
    pub(super) recent: Arc<Recent>,
    /// What is to be tended.
    pub(super) remotes: Vec<Arc<dyn Remote>>,
}

/// Installs the apps of an account.
pub(super) fn install(
    account: &values::Account,
    config: &Config,
    ports: &Ports,
    (telemetry, outside): (&Telemetry, &Outside),
) -> Result<Installed, AssembleError> {
    let sources = AccountSources::new(account, ports, telemetry, outside);
    let tokens: Arc<dyn TokenVerifier> = sources::open_tokens(account, ports, &sources)?;
    let directory = ports.directories.open(&account.directory, &sources)?;
    let apps = Apps::new(
        services::installed(account, &config.limits, outside)?,
        BuiltInOptions {
            account_name: Arc::clone(&account.name),
            account_id: account.id.to_string().into(),
            profile_by_email: account.switches.profile_by_email,
            accept_region_id: account.switches.client_region_id,
            directory: Arc::clone(&directory),
            tokens,
        },
    );
    let remember = remembered(account, telemetry);
    let counters = remember.iter().map(|(_, counters)| counters.clone());
    let bytes = account.memo.max_bytes;
    let of_outcomes = bytes / OUTCOMES;
    let outcomes = Outcomes::new(counters.collect(), MemoCapacity { bytes: of_outcomes });
    let capacity = MemoCapacity {
        bytes: bytes - of_outcomes,
    };
    let clock = Arc::clone(&ports.clock);
    let memo = Memo::new(Arc::new(apps), remember, capacity, clock);
    let (recent, remotes) = sources.finish();
    Ok(Installed {
        apps: Arc::new(memo),
        outcomes,
        directory,
        recent,
        remotes,
    })
}

/// What is remembered of each app, and where it is counted, in configured order.
fn remembered(account: &values::Account, telemetry: &Telemetry) -> Vec<(Remember, MemoCounters)> {
    let apps = account.graph.apps().iter().zip(&account.apps);
    let remembered = apps.map(|(spec, app)| {
        let age = spec.max_age.unwrap_or(account.memo.max_age);
        let counters = telemetry.memo().of(&account.name, &spec.name);
        let remember = match &app.runs {
            // Verdicts over tokens end with the token; everything else ages.
            Runs::BuiltIn(BuiltIn::Authentication) => Remember::Never,
            Runs::BuiltIn(_) => Remember::For(age),
            Runs::Http(service) if service.memo => Remember::ByInputs(age),
            Runs::Http(_) => Remember::Never,
        };
        (remember, counters)
    });
    remembered.collect()
}
