//! The trade policies of a directory file, and which of them are open to whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::walk::{Entry, Written};
use crate::directory::is_culture;
use crate::ports::{Channel, Channels};

const KEYS: [&str; 7] = [
    "id",
    "active",
    "private",
    "country",
    "currency",
    "currency_symbol",
    "cultures",
];

/// The channels as they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct ChannelList {
    known: Vec<Channel>,
    default: String,
    /// Whether there is none here, and any may be named.
    elsewhere: bool,
}

impl ChannelList {
    /// Reads `[[channel]]` and `default_channel`. A part of a directory may have neither.
    pub(super) fn read(root: &Entry<'_>, part: bool) -> Self {
        if part && !root.has("channel") && !root.has("default_channel") {
            return Self {
                elsewhere: true,
                ..Self::default()
            };
        }
        let mut ids = BTreeSet::new();
        let mut list = Self::default();
        for entry in root.entries("channel", &KEYS) {
            let id = entry.require_id("id");
            if let Some(id) = id.filter(|id| !ids.insert(id.value)) {
                entry.wrong(id.at, format!("another channel has the id `{}`", id.value));
            }
            list.known.push(read_channel(&entry, id));
        }
        if let Some(default) = root.require_text("default_channel") {
            default.value.clone_into(&mut list.default);
            if let Some(problem) = list.unfit_default() {
                root.wrong(default.at, format!("the default channel {problem}"));
            }
        }
        list
    }

    fn unfit_default(&self) -> Option<&'static str> {
        match self.find(&self.default) {
            None => Some("is none of the channels"),
            Some(channel) if !channel.active => Some("is not active"),
            Some(channel) if channel.private => Some("is private"),
            Some(_) => None,
        }
    }

    fn find(&self, id: &str) -> Option<&Channel> {
        self.known.iter().find(|channel| channel.id == id)
    }

    /// Reads references to channels; each must exist.
    pub(super) fn read_references(&self, entry: &Entry<'_>, key: &str) -> Vec<String> {
        let ids = entry.ids(key);
        let unknown = |id: &Written<&str>| !self.elsewhere && self.find(id.value).is_none();
        for id in ids.iter().filter(|id| unknown(id)) {
            entry.wrong(id.at, format!("there is no channel `{}`", id.value));
        }
        ids.iter().map(|id| id.value.to_owned()).collect()
    }

    /// The channels as a shopper sees them who may use these private ones. Public channels are
    /// open to everybody.
    pub(super) fn seen_with(&self, private: &[String]) -> Channels {
        let open = self.known.iter().filter(|channel| {
            channel.active && (!channel.private || private.contains(&channel.id))
        });
        Channels {
            open: open.map(|channel| channel.id.clone()).collect(),
            known: self.known.clone(),
            default: self.default.clone(),
        }
    }
}

/// One view of the channels for all who may use the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Views(Vec<Arc<Channels>>);

impl Views {
    /// The view of whoever may use these private channels.
    pub(super) fn of(&mut self, list: &ChannelList, private: &[String]) -> Arc<Channels> {
        let seen = list.seen_with(private);
        if let Some(view) = self.0.iter().find(|view| view.open == seen.open) {
            return Arc::clone(view);
        }
        let view = Arc::new(seen);
        self.0.push(Arc::clone(&view));
        view
    }
}

fn read_channel(entry: &Entry<'_>, id: Option<Written<&str>>) -> Channel {
    let owned = |text: Option<Written<&str>>| text.map(|text| text.value.to_owned());
    let cultures = entry.texts("cultures");
    let absent = (!entry.has("cultures")).then_some(entry.at);
    if let Some(at) = absent.or(entry.empty_list("cultures")) {
        entry.wrong(at, "`cultures` names at least one culture");
    }
    for tag in cultures.iter().filter(|tag| !is_culture(tag.value)) {
        entry.wrong(
            tag.at,
            format!("`{}` is no culture, such as `en-US`", tag.value),
        );
    }
    Channel {
        id: owned(id).unwrap_or_default(),
        active: entry.flag("active", true),
        private: entry.flag("private", false),
        country: entry.require_capitals("country").unwrap_or_default(),
        currency: entry.require_capitals("currency").unwrap_or_default(),
        currency_symbol: owned(entry.require_text("currency_symbol")).unwrap_or_default(),
        cultures: cultures.iter().map(|tag| tag.value.to_owned()).collect(),
    }
}
