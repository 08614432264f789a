//! Names of ours, and how they can be written so that some backend reads them as ours.

/// Names that are ours under any configuration of a shop.
pub(crate) const OWNED: [&str; 17] = [
    "x-session-id",
    "x-session-authenticated",
    "x-session-user-id",
    "x-session-user-email",
    "x-session-impersonator",
    "x-session-channel",
    "x-session-country",
    "x-session-culture",
    "x-session-currency",
    "x-session-price-tables",
    "x-session-campaigns",
    "x-session-region",
    "x-session-segment-key",
    "x-session-context",
    "x-vtex-segment",
    "x-vtex-session",
    "x-vtex-account",
];

pub(crate) fn spellings(name: &str) -> [String; 12] {
    let marked = |mark: &str| name.replace('-', mark);
    let capital = |part: &str| {
        let (first, rest) = part.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    };
    let title: Vec<String> = name.split('-').map(capital).collect();
    [
        name.to_owned(),
        name.to_uppercase(),
        title.join("-"),
        title.join("_"),
        marked("_"),
        marked("_").to_uppercase(),
        marked("."),
        marked("~"),
        marked("!"),
        marked("|"),
        name.replacen('-', "_", 1),
        name.replacen('-', ".", 1),
    ]
}
