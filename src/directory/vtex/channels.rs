//! Trade policies as the catalogue tells them (`saleschannel/available`).

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::directory::is_culture;
use crate::ports::{Channel, Channels};

/// One trade policy on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireChannel {
    id: u64,
    #[serde(default)]
    is_active: bool,
    country_code: Option<String>,
    culture_info: Option<String>,
    currency_code: Option<String>,
    currency_symbol: Option<String>,
    condition_rule: Option<String>,
}

/// Why a trade policy cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum ChannelFault {
    #[error("its country is no three letters (ISO 3166 alpha-3)")]
    Country,
    #[error("its currency is no three letters (ISO 4217)")]
    Currency,
    #[error("its culture is none, such as pt-BR")]
    Culture,
}

impl WireChannel {
    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl TryFrom<WireChannel> for Channel {
    type Error = ChannelFault;

    fn try_from(wire: WireChannel) -> Result<Self, ChannelFault> {
        let code = |text: Option<String>| {
            let text = text?.trim().to_ascii_uppercase();
            let letters = text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
            letters.then_some(text)
        };
        let culture = wire.culture_info.map(|tag| tag.trim().to_owned());
        let currency = code(wire.currency_code).ok_or(ChannelFault::Currency)?;
        let symbol = wire.currency_symbol.map(|symbol| symbol.trim().to_owned());
        Ok(Self {
            id: wire.id.to_string(),
            active: wire.is_active,
            // A rule decides who may use it; a policy without one is everybody's.
            private: wire
                .condition_rule
                .is_some_and(|rule| !rule.trim().is_empty()),
            country: code(wire.country_code).ok_or(ChannelFault::Country)?,
            currency_symbol: symbol
                .filter(|symbol| !symbol.is_empty())
                .unwrap_or_else(|| currency.clone()),
            currency,
            cultures: vec![
                culture
                    .filter(|tag| is_culture(tag))
                    .ok_or(ChannelFault::Culture)?,
            ],
        })
    }
}

/// What the catalogue answered, with what the configuration adds. Policies that cannot be used are
/// left out, each with its reason.
pub(super) fn channels_of(
    wire: Vec<WireChannel>,
    default: &str,
    cultures: &BTreeMap<String, Vec<String>>,
) -> (Channels, Vec<(u64, ChannelFault)>) {
    let mut known = Vec::with_capacity(wire.len());
    let mut faults = Vec::new();
    for one in wire {
        let id = one.id();
        match Channel::try_from(one) {
            Ok(channel) => known.push(with_cultures(channel, cultures)),
            Err(fault) => faults.push((id, fault)),
        }
    }
    // The catalogue lists what is open to whoever asks.
    let open = known.iter().filter(|channel| channel.active);
    let open = open.map(|channel| channel.id.clone()).collect();
    let channels = Channels {
        known,
        open,
        default: default.to_owned(),
    };
    (channels, faults)
}

fn with_cultures(mut channel: Channel, cultures: &BTreeMap<String, Vec<String>>) -> Channel {
    for culture in cultures.get(&channel.id).into_iter().flatten() {
        if !channel.cultures.contains(culture) {
            channel.cultures.push(culture.clone());
        }
    }
    channel
}
