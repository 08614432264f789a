//! The panel that lists every header received, what it says, and what was left out.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::demo::html::{Html, fill};
use crate::demo::knowledge::{Knowledge, OUR_HEADERS, WAY_HEADERS, meaning_of};

const KNOWS: &str = include_str!("knows.html");
const HEADER: &str = include_str!("header.html");
const MISSING: &str = include_str!("missing.html");
const TOKEN: &str = include_str!("token.html");

/// More of a token than this is not taken apart.
const LONGEST_TOKEN: usize = 16 * 1024;

pub(super) fn knows(knowledge: Knowledge<'_>) -> Html {
    let ours = (OUR_HEADERS.iter()).map(|known| (known.name, known.says));
    let others = (knowledge.unexplained().into_iter()).map(|name| (name, meaning_of(name)));
    let row = |(name, says)| Some(present(name, says, &knowledge.raw(name)?, knowledge));
    let present: Html = ours.chain(others).filter_map(row).collect();
    let absent: Html = (OUR_HEADERS.iter())
        .filter(|known| knowledge.raw(known.name).is_none())
        .map(|known| {
            fill(
                MISSING,
                &[("name", known.name.into()), ("says", known.absent.into())],
            )
        })
        .collect();
    let way: Html = (WAY_HEADERS.iter())
        .filter_map(|known| row((known.name, known.says)))
        .collect();
    fill(
        KNOWS,
        &[
            ("present", (&present).into()),
            ("absent", (&absent).into()),
            ("way", (&way).into()),
        ],
    )
}

fn present(name: &str, says: &str, raw: &str, knowledge: Knowledge<'_>) -> Html {
    let (value, remembered) = match name {
        // The page must not hand a script what the browser keeps from it.
        "x-vtex-session" => (Html::written("(kept from this page)"), ""),
        "x-vtex-segment" => (token(raw, segment(raw)), raw),
        "x-session-context" => (token("signed token", claims(raw)), ""),
        _ => (plain(raw, knowledge.value(name)), raw),
    };
    fill(
        HEADER,
        &[
            ("name", name.into()),
            ("raw", remembered.into()),
            ("value", (&value).into()),
            ("says", says.into()),
        ],
    )
}

/// The readable value, with the bytes on the wire below it where they differ.
fn plain(raw: &str, decoded: Option<String>) -> Html {
    match decoded {
        Some(decoded) if decoded != raw => fill(
            r#"<bdi>{{decoded}}</bdi> <span class="wire">on the wire: {{raw}}</span>"#,
            &[("decoded", (&decoded).into()), ("raw", raw.into())],
        ),
        _ => fill("<bdi>{{raw}}</bdi>", &[("raw", raw.into())]),
    }
}

fn token(short: &str, decoded: Option<String>) -> Html {
    let decoded = decoded.unwrap_or_else(|| "not readable".into());
    let short: String = match short.char_indices().nth(28) {
        Some((cut, _)) => short.chars().take(cut).chain(['…']).collect(),
        None => short.to_owned(),
    };
    fill(
        TOKEN,
        &[("short", (&short).into()), ("decoded", (&decoded).into())],
    )
}

/// The JSON of a segment: standard base64.
fn segment(raw: &str) -> Option<String> {
    readable(&STANDARD.decode(short_enough(raw)?).ok()?)
}

/// The claims of a JWT. Shown, not believed: no signature is checked here.
fn claims(raw: &str) -> Option<String> {
    let payload = short_enough(raw)?.split('.').nth(1)?;
    readable(&URL_SAFE_NO_PAD.decode(payload).ok()?)
}

fn short_enough(raw: &str) -> Option<&str> {
    (raw.len() <= LONGEST_TOKEN).then_some(raw)
}

fn readable(json: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(json).ok()?;
    serde_json::to_string_pretty(&value).ok()
}
