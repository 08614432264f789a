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

/// Tokens to look for. A `User-Agent` is gone through once for all of them, in steps as long as no
/// token can begin in between (Wu and Manber, "A fast algorithm for multi-pattern searching").
#[derive(Clone, Debug)]
pub struct Crawlers {
    /// By their first letter, see [`low_bits`].
    tokens: Box<[Tokens; LETTERS]>,
    /// The length of the shortest token: of each one, as many bytes are what steps go by.
    shortest: usize,
    /// How far to go on from two letters that end such a part: a row for the first.
    steps: Box<Steps>,
}

type Tokens = Vec<Box<[u8]>>;
type Steps = [[u8; LETTERS]; LETTERS];

/// How many letters are told apart, see [`low_bits`].
const LETTERS: usize = 32;

impl Crawlers {
    /// Takes lower-case tokens; empty ones are left out.
    pub fn new(tokens: &[String]) -> Self {
        let tokens = tokens.iter().map(String::as_bytes);
        let tokens = tokens.filter(|token| !token.is_empty());
        let shortest = tokens.clone().map(<[u8]>::len).min().unwrap_or(0);
        let of_row = |row| {
            let begins = |token: &&[u8]| token.first().map(|&first| low_bits(first)) == Some(row);
            tokens.clone().filter(begins).map(Box::from).collect()
        };
        Self {
            tokens: Box::new(std::array::from_fn(of_row)),
            steps: plan_steps(tokens, shortest),
            shortest,
        }
    }

    fn are_in(&self, agent: &[u8]) -> bool {
        // Always at the end of a part that may be a token's beginning.
        let Some(mut end) = self.shortest.checked_sub(1) else {
            return false;
        };
        while let Some(&last) = agent.get(end) {
            let before = end.checked_sub(1).and_then(|at| agent.get(at));
            let step = self.step(before.copied().unwrap_or_default(), last);
            if step == 0 {
                let rest = agent.get(end + 1 - self.shortest..).unwrap_or_default();
                if self.begin(rest) {
                    return true;
                }
            }
            end += step.max(1);
        }
        false
    }

    fn step(&self, before: u8, last: u8) -> usize {
        let row = self.steps.get(low_bits(before));
        let step = row.and_then(|row| row.get(low_bits(last)));
        step.map_or(0, |&step| usize::from(step))
    }

    fn begin(&self, rest: &[u8]) -> bool {
        let first = rest.first().map_or(0, |&first| low_bits(first));
        let tokens = self.tokens.get(first).map_or(&[][..], Vec::as_slice);
        tokens.iter().any(|token| {
            rest.get(..token.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(token))
        })
    }
}

/// Two letters that are in no token's first `shortest` bytes may be passed over but for the last
/// one, which can be a token's first; others as far as their last place in any token is from the
/// end of those bytes.
fn plan_steps<'a>(tokens: impl Iterator<Item = &'a [u8]>, shortest: usize) -> Box<Steps> {
    let longest_step = |step: usize| u8::try_from(step).unwrap_or(u8::MAX);
    let mut steps = Box::new([[longest_step(shortest.saturating_sub(1)); LETTERS]; LETTERS]);
    for token in tokens {
        let part = token.get(..shortest).unwrap_or_default();
        for (at, pair) in part.windows(2).enumerate() {
            let &[first, second] = pair else { continue };
            let row = steps.get_mut(low_bits(first));
            if let Some(step) = row.and_then(|row| row.get_mut(low_bits(second))) {
                *step = longest_step(shortest - 2 - at).min(*step);
            }
        }
    }
    steps
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
