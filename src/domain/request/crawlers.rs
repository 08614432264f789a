//! Known crawlers: they get pages, never a stored session (contract §11).

use http::header::USER_AGENT;

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

/// Tokens to look for, and how they begin: a `User-Agent` is gone through once for all of them.
#[derive(Clone, Debug)]
pub struct Crawlers {
    tokens: Box<[Box<[u8]>]>,
    /// Which pairs of letters begin a token: a row for the first, a bit for the second.
    starts: [u32; 32],
}

impl Crawlers {
    /// Takes lower-case tokens; empty ones are left out.
    pub fn new(tokens: &[String]) -> Self {
        let tokens = tokens.iter().map(String::as_bytes);
        let tokens: Box<[Box<[u8]>]> = tokens
            .filter(|token| !token.is_empty())
            .map(Box::from)
            .collect();
        let mut starts = [0; 32];
        for token in &tokens {
            let (first, second) = (token.first(), token.get(1));
            let row = first.and_then(|first| starts.get_mut(low_bits(*first)));
            if let Some(row) = row {
                *row |= second.map_or(u32::MAX, |second| 1 << low_bits(*second));
            }
        }
        Self { tokens, starts }
    }

    fn are_in(&self, agent: &[u8]) -> bool {
        let seconds = agent.iter().skip(1).chain([&0]);
        agent
            .iter()
            .zip(seconds)
            .enumerate()
            .filter(|(_, (first, second))| self.may_begin(**first, **second))
            .any(|(at, _)| agent.get(at..).is_some_and(|rest| self.begin(rest)))
    }

    fn may_begin(&self, first: u8, second: u8) -> bool {
        let row = self.starts.get(low_bits(first));
        row.is_some_and(|row| row >> low_bits(second) & 1 == 1)
    }

    fn begin(&self, rest: &[u8]) -> bool {
        self.tokens.iter().any(|token| {
            rest.get(..token.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(token))
        })
    }
}

/// The same for a letter's two cases.
fn low_bits(byte: u8) -> usize {
    usize::from(byte & 31)
}

impl RequestView<'_> {
    /// Whether its `User-Agent` has one of these tokens in it; allocates nothing.
    pub fn crawler(&self, crawlers: &Crawlers) -> bool {
        self.headers
            .get(USER_AGENT)
            .is_some_and(|agent| crawlers.are_in(agent.as_bytes()))
    }
}
