//! Tending the directory beside the requests, and trying each of its sources once.

use async_trait::async_trait;
use http::HeaderMap;
use serde_json::Value;

use super::address::{CAMPAIGNS_PATH, channels_path, customer_path, permission_path, region_path};
use super::audiences::WireAudience;
use super::channels::{WireChannel, channels_of};
use super::{FEW, RANGE, VtexDirectory, Who, audiences_of};
use crate::outbound::remote::{Probed, Remote};
use crate::outbound::source::{Source, SourceError, read_json};

/// Somebody who cannot exist (RFC 6761 §6.4): asking about them tells nothing of anybody.
const NOBODY: &str = "vestibule-check@nobody.invalid";
/// A place of the platform's own documentation.
const SOMEWHERE: &str = "country=BRA&postalCode=01001000";

#[async_trait]
impl Remote for VtexDirectory {
    async fn tend(&self) {
        let Some(campaigns) = &self.campaigns else {
            return;
        };
        if campaigns.kept.is_due(&())
            && let Ok(fetch) = self.fetch_campaigns()
        {
            // A failure was logged and counted where it happened.
            drop(campaigns.kept.renew((), || fetch).await);
        }
    }

    async fn probe(&self) -> Vec<Probed> {
        let mut all = Vec::new();
        if let Some(lookup) = &self.channels {
            all.push(self.probe_channels(&lookup.source).await);
        }
        if let Some(lookup) = &self.customers {
            all.push(self.probe_customers(&lookup.source).await);
        }
        if let Some(lookup) = &self.campaigns {
            all.push(self.probe_campaigns(&lookup.source).await);
        }
        if let Some(lookup) = &self.regions {
            all.push(self.probe_regions(&lookup.source).await);
        }
        if let Some(lookup) = &self.permissions {
            all.push(self.probe_permissions(&lookup.source).await);
        }
        all
    }
}

impl VtexDirectory {
    fn shown(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap_or_default();
        // The address of somebody who does not exist is no secret, and no help.
        let path = path.split("/logins/").next().unwrap_or_default();
        format!("{}{path}", self.settings.base)
    }

    async fn fetch<T: serde::de::DeserializeOwned>(
        &self,
        source: &Source,
        path: &str,
        headers: HeaderMap,
    ) -> Result<T, SourceError> {
        source.get(self.settings.uri(path)?, &headers).await
    }

    async fn probe_channels(&self, source: &Source) -> Probed {
        let path = channels_path(None);
        let default = &self.settings.default_channel;
        let trying = self.fetch::<Vec<WireChannel>>(source, &path, HeaderMap::new());
        Probed::of(source.name(), self.shown(&path), trying, |wire| {
            let (channels, faults) = channels_of(wire, default, &self.settings.cultures);
            if let Some((id, fault)) = faults.first() {
                return Err(format!("trade policy {id} cannot be used: {fault}"));
            }
            let known: Vec<&str> = channels.known.iter().map(|one| &*one.id).collect();
            if channels.open.iter().any(|open| open == default) {
                Ok(format!("trade policies {}; {default} is the default", known.join(", ")))
            } else {
                Err(format!(
                    "`default_channel` is {default}, and the trade policies that are open to everybody are {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                ))
            }
        })
        .await
    }

    async fn probe_customers(&self, source: &Source) -> Probed {
        let path = customer_path(&Who::Email(NOBODY.to_owned()));
        let mut headers = self.settings.secret_headers();
        headers.insert(RANGE, FEW);
        let trying = self.fetch::<Vec<Value>>(source, &path, headers);
        Probed::of(source.name(), self.shown(&path), trying, |_| {
            Ok("customers can be searched".to_owned())
        })
        .await
    }

    async fn probe_campaigns(&self, source: &Source) -> Probed {
        let path = CAMPAIGNS_PATH;
        let trying = async {
            let text = source
                .get_text(self.settings.uri(path)?, &self.settings.secret_headers())
                .await?;
            let wire: Vec<WireAudience> = read_json(&text)?;
            Ok((wire.len(), audiences_of(&text)?.len()))
        };
        Probed::of(source.name(), self.shown(path), trying, |(all, active)| {
            Ok(format!("{all} campaign audiences, {active} of them active"))
        })
        .await
    }

    async fn probe_regions(&self, source: &Source) -> Probed {
        let path = region_path(SOMEWHERE);
        let trying = self.fetch::<Vec<Value>>(source, &path, HeaderMap::new());
        Probed::of(source.name(), self.shown(&path), trying, |_| {
            Ok("regions can be asked for".to_owned())
        })
        .await
    }

    async fn probe_permissions(&self, source: &Source) -> Probed {
        let path = permission_path(&self.settings.platform_account, NOBODY);
        let trying = async {
            match self
                .fetch::<bool>(source, &path, self.settings.secret_headers())
                .await
            {
                Err(SourceError::Status(status)) if status.as_u16() == 404 => Ok(false),
                told => told,
            }
        };
        Probed::of(source.name(), self.shown(&path), trying, |may| {
            if may {
                Err("somebody who does not exist may act as any customer".to_owned())
            } else {
                Ok("permissions can be asked for".to_owned())
            }
        })
        .await
    }
}
