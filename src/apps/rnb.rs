//! The campaign app: which campaigns fit this visit (contract §5, rnb).

use super::said::{said, write};
use crate::domain::patch::Patch;
use crate::domain::transform::{Answer, Call, Failure};
use crate::ports::{Directory, Visit};

#[cfg(test)]
mod tests;

pub(super) async fn answer(call: &Call, directory: &dyn Directory) -> Result<Answer, Failure> {
    let utm_source = said(call, "public.utm_source");
    let utm_campaign = said(call, "public.utm_campaign");
    let postal_code = said(call, "public.postalCode");
    let visit = Visit {
        email: call.filled("profile.email"),
        utm_source: utm_source.as_deref(),
        utm_campaign: utm_campaign.as_deref(),
        postal_code: postal_code.as_deref(),
        channel: call.filled("store.channel"),
    };
    Ok(decide(&directory.campaigns(visit).await?))
}

fn decide(fitting: &[String]) -> Answer {
    let ids = (!fitting.is_empty()).then(|| fitting.join(","));
    let mut writes = Patch::new();
    write(&mut writes, "rnb.campaigns", ids.as_deref());
    Answer {
        writes,
        ..Answer::default()
    }
}
