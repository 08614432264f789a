//! Known crawlers: they get pages, never a stored session (contract §11).

use super::RequestView;

/// Lower-case tokens of crawlers' `User-Agent` headers.
///
/// `bot/` stands for all that follow the custom of `Name` + `Bot/1.0`. Nothing here may occur in a
/// shopper's browser: plain `bot` would hit a brand of phones, `headless` the shop's own tests.
pub const CRAWLERS: &[&str] = &[
    "bot/",
    "bot;",
    "adsbot",
    "apis-google",
    "baiduspider",
    "bytespider",
    "chatgpt-user",
    "chrome-lighthouse",
    "crawler",
    "facebookcatalog",
    "facebookexternalhit",
    "feedfetcher-google",
    "google-inspectiontool",
    "google-read-aloud",
    "googleother",
    "heritrix",
    "ia_archiver",
    "linkedinbot",
    "mediapartners-google",
    "meta-externala",
    "pingdom",
    "pinterest/0",
    "qwantify",
    "screaming frog",
    "skypeuripreview",
    "slackbot",
    "slurp",
    "sogou web spider",
    "statuscake",
    "storebot",
    "telegrambot",
    "whatsapp/",
    "yandeximages",
];

impl RequestView<'_> {
    /// Whether its `User-Agent` has one of these lower-case tokens in it; allocates nothing.
    pub fn crawler(&self, tokens: &[String]) -> bool {
        self.headers
            .get("user-agent")
            .is_some_and(|agent| has_any(agent.as_bytes(), tokens))
    }
}

fn has_any(agent: &[u8], tokens: &[String]) -> bool {
    tokens
        .iter()
        .any(|token| has_token(agent, token.as_bytes()))
}

fn has_token(agent: &[u8], token: &[u8]) -> bool {
    let Some(&first) = token.first() else {
        return false;
    };
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), agent).any(|at| {
        agent
            .get(at..at + token.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(token))
    })
}
