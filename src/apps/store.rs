//! The store app: picks the trade policy and the culture (contract §5).

use super::said::{said, write};
use crate::directory::is_culture;
use crate::domain::patch::Patch;
use crate::domain::session::field::known;
use crate::domain::transform::{Answer, Call, Failure, Refusal};
use crate::ports::{Channel, Channels, Directory};

#[cfg(test)]
mod tests;

pub(super) async fn answer(call: &Call, directory: &dyn Directory) -> Result<Answer, Failure> {
    let channels = directory.channels(call.filled("profile.email")).await?;
    decide(call, &channels)
}

fn decide(call: &Call, channels: &Channels) -> Result<Answer, Failure> {
    let asked = said(call, "public.sc");
    let granted = match &asked {
        Some(id) => open(channels, id),
        None => Some(standing(call, channels)?),
    };
    if let Some(channel) = granted {
        return Ok(Answer {
            writes: outputs(call, channel),
            ..Answer::default()
        });
    }
    let authenticated = call.filled("profile.isAuthenticated") == Some("true");
    Ok(Answer {
        refusal: Some(Refusal {
            field: known("public.sc"),
            status: if authenticated { 403 } else { 401 },
            fallback: outputs(call, standing(call, channels)?),
        }),
        ..Answer::default()
    })
}

/// The channel of this id, if this shopper may use it.
fn open<'c>(channels: &'c Channels, id: &str) -> Option<&'c Channel> {
    let is_open = channels.open.iter().any(|open| open == id);
    let mut known = channels.known.iter();
    known.find(|channel| is_open && channel.active && channel.id == id)
}

/// The channel where none is asked for: the current one while it is allowed, else the default.
fn standing<'c>(call: &Call, channels: &'c Channels) -> Result<&'c Channel, Failure> {
    let current = call.current.filled("store.channel");
    current
        .and_then(|id| open(channels, id))
        .or_else(|| open(channels, &channels.default))
        .ok_or_else(|| Failure::BadReply("the default channel is open to nobody".to_owned()))
}

fn outputs(call: &Call, channel: &Channel) -> Patch {
    let culture = culture(call, channel);
    let admin = said(call, "public.admin_cultureInfo").filter(|tag| is_culture(tag));
    let privacy = if channel.private { "private" } else { "public" };
    let mut writes = Patch::new();
    write(&mut writes, "store.channel", Some(&channel.id));
    write(&mut writes, "store.countryCode", Some(&channel.country));
    write(&mut writes, "store.cultureInfo", culture);
    write(&mut writes, "store.currencyCode", Some(&channel.currency));
    write(
        &mut writes,
        "store.currencySymbol",
        Some(&channel.currency_symbol),
    );
    write(&mut writes, "store.channelPrivacy", Some(privacy));
    write(
        &mut writes,
        "store.admin_cultureInfo",
        admin.as_deref().or(culture),
    );
    writes
}

/// The first culture asked for that the channel offers, in the channel's spelling.
fn culture<'c>(call: &Call, channel: &'c Channel) -> Option<&'c str> {
    let asked = ["public.cultureInfo", "public.locale"];
    let offered = asked.into_iter().find_map(|name| {
        let tag = said(call, name)?;
        channel
            .cultures
            .iter()
            .find(|culture| culture.eq_ignore_ascii_case(&tag))
    });
    offered.or(channel.cultures.first()).map(String::as_str)
}
