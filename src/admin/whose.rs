//! The account that a path names, and whatever of it a handler tells.

use std::sync::Arc;

use axum::RequestPartsExt as _;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;

use super::access::Denied;
use super::api::Refusal;
use super::desk::Desk;
use super::operator::Operator;
use crate::account::Account;
use crate::domain::session::SessionId;
use crate::flow::Event;
use crate::ports::StoreError;
use crate::telemetry::About;

/// The account of the path, which is served here.
pub(super) struct Of {
    pub(super) desk: Desk,
    pub(super) account: Arc<Account>,
    /// Who asks.
    pub(super) operator: Operator,
}

#[derive(Deserialize)]
struct Named {
    account: String,
}

impl FromRequestParts<Desk> for Of {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Refusal> {
        let named = parts.extract::<Path<Named>>().await;
        let Path(Named { account }) = named.map_err(|_| no_account())?;
        let account = account_of(desk, &account)?;
        // Whoever was not judged is nobody that an audit could name.
        let operator = parts.extensions.get().cloned().ok_or(Denied::Unknown)?;
        Ok(Self {
            desk: desk.clone(),
            account,
            operator,
        })
    }
}

/// The account of this name, which is served here.
fn account_of(desk: &Desk, name: &str) -> Result<Arc<Account>, Refusal> {
    let running = desk.shared().running.load_full();
    let site = running.hosts.site_of(name).ok_or_else(no_account)?;
    Ok(Arc::clone(&site.account))
}

/// The account of this name, or all where none is named.
pub(super) fn accounts_of(desk: &Desk, name: Option<&str>) -> Result<Vec<Arc<Account>>, Refusal> {
    if let Some(name) = name {
        return Ok(vec![account_of(desk, name)?]);
    }
    let running = desk.shared().running.load_full();
    Ok(running.hosts.accounts().into_iter().cloned().collect())
}

impl Of {
    /// Tells log, metrics and audit what an operator did.
    pub(super) fn tell(&self, events: &[Event]) {
        let about = About {
            account: &self.account.name,
            key: self.account.keys.hash_key(),
            session: None,
            request_id: "",
            operator: Some(self.operator.label()),
        };
        for event in events {
            self.desk.shared().telemetry.happened(about, event);
        }
    }
}

/// The session of the path, by its id.
pub(super) struct Session(pub(super) SessionId);

#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl FromRequestParts<Desk> for Session {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Desk) -> Result<Self, Refusal> {
        let named = parts.extract::<Path<Identified>>().await;
        let id = named.ok().and_then(|Path(named)| named.id.parse().ok());
        let said = "A session's id is a GUID in lower case, with its hyphens.";
        id.map(Self)
            .ok_or_else(|| Refusal::bad("malformed_id", said))
    }
}

/// The person of the path, by the shop's id of them.
pub(super) struct PersonOf(pub(super) String);

#[derive(Deserialize)]
struct Principal {
    principal: String,
}

impl FromRequestParts<Desk> for PersonOf {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Desk) -> Result<Self, Refusal> {
        let named = parts.extract::<Path<Principal>>().await;
        let Path(Principal { principal }) = named.map_err(|_| {
            Refusal::bad(
                "malformed_id",
                "A person's id is text, percent-encoded in UTF-8.",
            )
        })?;
        Ok(Self(principal))
    }
}

fn no_account() -> Refusal {
    Refusal::missing("no_account", "There is no account of this name.")
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "What an operator asks for cannot be read.");
        let said = "The session store cannot be asked.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", said)
    }
}
