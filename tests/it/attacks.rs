//! Every attack that is known to have worked on a proxy somewhere, from a table: as bytes over the
//! whole proxy, with a store's server behind it that keeps the bytes it gets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::support::recorder::{Recorded, Recorder, cgi, latin1};
use crate::support::{Reply, Shop};

mod floods;
mod http2;
mod names;
mod program;
mod spoof;
mod steps;
mod upstreams;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One attack. Exactly one of `wire`, `fields`, `covered_by` and `needs` is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    area: String,
    says: String,
    source: String,
    /// Each character is the byte of its number. `{session}` is a good session's token, and
    /// `{TEXT*N}` a text many times.
    wire: Option<String>,
    /// The same in frames of HTTP/2: fields as they are said, and what follows them.
    fields: Option<Vec<(String, String)>>,
    data: Option<String>,
    /// Whether the client is a trusted proxy.
    #[serde(default)]
    trusted: bool,
    /// Whether the client leaves after its bytes.
    #[serde(default)]
    leaves: bool,
    #[serde(default)]
    expect: Expect,
    /// What is not as it should be, and cannot be mended here; `expect` is how it is.
    known_limit: Option<String>,
    /// Tests that are elsewhere.
    covered_by: Option<Vec<String>>,
    /// What it waits for.
    needs: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// Any of these; 0 is no answer at all.
    status: Vec<u16>,
    /// Whether the connection would serve another request.
    kept: Option<bool>,
    /// Whether anything reaches the store's server.
    reaches: Option<bool>,
    /// How many requests reach it.
    requests: Option<usize>,
    /// Whether a whole request reaches it.
    complete: Option<bool>,
    first_line: Option<String>,
    body: Option<String>,
    /// Headers that reach it once each, with these values.
    #[serde(default)]
    has: BTreeMap<String, String>,
    /// Headers that reach it in no spelling.
    #[serde(default)]
    lacks: Vec<String>,
    /// Texts that are in the head that reaches it.
    #[serde(default)]
    contains: Vec<String>,
    /// Texts that never reach it.
    #[serde(default)]
    never: Vec<String>,
    /// Whether the server is told of the session in `{session}`.
    same_session: Option<bool>,
    sets_session: Option<bool>,
    /// Headers of the answer, and a part of each.
    #[serde(default)]
    replies: BTreeMap<String, String>,
    answer: Option<String>,
}

fn table() -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/attacks.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A shop before a recorder, with a session that was begun in it.
struct Street {
    shop: Arc<Shop>,
    recorder: Recorder,
    token: String,
    id: String,
}

impl Street {
    async fn with(over: &str) -> Self {
        let recorder = Recorder::start().await;
        recorder.answers(OK);
        let address = recorder.address;
        let upstream =
            format!("[[account.upstream]]\nname = \"store\"\naddresses = [\"{address}\"]\n");
        let shop = Shop::with(&format!("{over}{upstream}")).await;
        let page = b"GET / HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\n\r\n";
        let reply = shop.raw(page).await;
        let line = reply.set_cookies("vtex_session")[0];
        let (pair, _) = line.split_once(';').unwrap();
        let token = pair.split_once('=').unwrap().1.to_owned();
        let id = recorder.got()[0].all("x-session-id")[0].to_owned();
        Self {
            shop,
            recorder,
            token,
            id,
        }
    }

    /// The bytes of a wire text.
    fn bytes(&self, wire: &str) -> Vec<u8> {
        let mut text = wire.replace("{session}", &self.token);
        while let Some(longer) = repeat(&text) {
            text = longer;
        }
        text.chars()
            .map(|char| u8::try_from(u32::from(char)).unwrap())
            .collect()
    }

    /// What is wrong, if anything is.
    async fn attack(&self, case: &Case, wire: &str) -> Result<(), String> {
        self.recorder.answers(OK);
        let wire = self.bytes(wire);
        let (answer, kept) = self.shop.bytes(&wire, case.leaves).await;
        let reply = (!answer.is_empty()).then(|| Reply::parse(&answer));
        let expect = &case.expect;
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        if !expect.status.contains(&status) {
            return Err(format!("status {status}, not of {:?}", expect.status));
        }
        if let Some(expected) = expect.kept {
            same("kept", &kept, &expected)?;
        }
        if let Some(reply) = &reply {
            answered(expect, reply)?;
        }
        self.arrived(expect)
    }

    fn arrived(&self, expect: &Expect) -> Result<(), String> {
        let got = self.recorder.got();
        if let Some(reaches) = expect.reaches {
            same("reaches", &!got.is_empty(), &reaches)
                .map_err(|said| format!("{said}: {got:?}"))?;
        }
        if let Some(requests) = expect.requests {
            same("requests", &got.len(), &requests)?;
        }
        if let Some(complete) = expect.complete {
            same("complete", &got.iter().any(|got| got.complete), &complete)?;
        }
        let all: String = got
            .iter()
            .flat_map(|got| [got.head.clone(), latin1(&got.body)])
            .collect();
        for never in &expect.never {
            same(never, &all.contains(never), &false).map_err(|said| format!("{said}: {all:?}"))?;
        }
        let names: Vec<String> = got.iter().flat_map(Recorded::cgi_names).collect();
        for lacks in &expect.lacks {
            same(lacks, &names.contains(&cgi(lacks)), &false)?;
        }
        for text in &expect.contains {
            same(text, &all.contains(text), &true).map_err(|said| format!("{said}: {all:?}"))?;
        }
        let last = got.last();
        if let Some(line) = &expect.first_line {
            let first = last.and_then(|last| last.head.split("\r\n").next());
            same("first line", &first, &Some(line.as_str()))?;
        }
        if let Some(body) = &expect.body {
            let arrived = last.map(|last| latin1(&last.body));
            same("body", &arrived.as_ref(), &Some(body))?;
        }
        let all_of = |name: &str| last.map_or(Vec::new(), |last| last.all(name));
        for (name, value) in &expect.has {
            same(name, &all_of(name), &vec![value.as_str()])?;
        }
        if let Some(expected) = expect.same_session {
            same(
                "session",
                &(all_of("x-session-id") == [&self.id]),
                &expected,
            )?;
        }
        Ok(())
    }
}

fn answered(expect: &Expect, reply: &Reply) -> Result<(), String> {
    if let Some(sets) = expect.sets_session {
        same("sets a session", &reply.sets_session(), &sets)?;
    }
    for (name, part) in &expect.replies {
        let there = reply.header(name).is_some_and(|value| value.contains(part));
        same(name, &there, &true).map_err(|said| format!("{said}: {reply:?}"))?;
    }
    if let Some(answer) = &expect.answer {
        same("answer", &&reply.body, &answer)?;
    }
    Ok(())
}

/// The text with its first `{TEXT*N}` spelled out, if there is one.
fn repeat(text: &str) -> Option<String> {
    let (before, after) = text.split_once('*')?;
    let (head, many) = before.rsplit_once('{')?;
    let (times, tail) = after.split_once('}')?;
    let many = many.repeat(times.trim().parse().ok()?);
    Some(format!("{head}{many}{tail}"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), String> {
    if is == should {
        return Ok(());
    }
    Err(format!("{what}: {is:?}, not {should:?}"))
}

#[tokio::test]
async fn every_attack_of_the_table_ends_as_it_says() {
    let streets = [
        Street::with("").await,
        Street::with("[server]\ntrusted_proxies = [\"0.0.0.0\"]\n").await,
    ];
    let (mut wrong, mut run, mut limits) = (Vec::new(), 0, 0);
    for case in table() {
        if case.wire.is_none() && case.fields.is_none() {
            continue;
        }
        run += 1;
        limits += usize::from(case.known_limit.is_some());
        // What is cut off in the middle may arrive at the server when the next case is under way.
        let own = match case.expect.complete {
            Some(false) => Some(Street::with("").await),
            _ => None,
        };
        let street = own.as_ref().unwrap_or(&streets[usize::from(case.trusted)]);
        let ended = match (&case.wire, &case.fields) {
            (Some(wire), _) => street.attack(&case, wire).await,
            (None, fields) => {
                let fields = fields.as_deref().unwrap_or_default();
                street.attack_in_frames(&case, fields).await
            }
        };
        if let Err(said) = ended {
            wrong.push(format!("{} ({}): {said}", case.id, case.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((run, limits), (RUN, LIMITS));
}

const RUN: usize = 119;
const LIMITS: usize = 5;
const COVERED: usize = 80;
const WAITING: [(&str, usize); 1] = [("an outside tool: make test-extended", 1)];

#[test]
fn every_attack_is_run_or_covered_or_counted_as_waiting() {
    let cases = table();
    assert_eq!(cases.len(), 200);
    let mut ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), cases.len(), "an id is there twice");
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut covered = 0;
    for case in &cases {
        let kinds = [
            case.wire.is_some(),
            case.fields.is_some(),
            case.covered_by.is_some(),
            case.needs.is_some(),
        ];
        let kinds = kinds.into_iter().filter(|is| *is).count();
        assert_eq!(kinds, 1, "{} in {}: {}", case.id, case.area, case.source);
        covered += usize::from(case.covered_by.is_some());
        if let Some(needs) = &case.needs {
            *waiting.entry(needs).or_default() += 1;
        }
    }
    assert_eq!(covered, COVERED);
    let waiting: Vec<(&str, usize)> = waiting.into_iter().collect();
    assert_eq!(waiting, WAITING);
}

#[test]
fn tests_that_cover_an_attack_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for case in table() {
        for test in case.covered_by.iter().flatten() {
            let (module, name) = test.rsplit_once("::").unwrap();
            let file = format!("{}.rs", module.replace("::", "/"));
            let files = [
                root.join("tests/it").join(&file),
                root.join("src").join(&file),
            ];
            let there = files.iter().any(|file| {
                let text = std::fs::read_to_string(file).unwrap_or_default();
                text.contains(&format!("fn {name}("))
            });
            assert!(there, "{}: there is no {test}", case.id);
        }
    }
}

#[test]
fn known_limits_are_told_to_whoever_runs_this() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let told = std::fs::read_to_string(file).unwrap();
    for case in table() {
        if let Some(limit) = &case.known_limit {
            assert!(told.contains(limit.as_str()), "{}: {limit}", case.id);
        }
    }
}

#[tokio::test]
async fn what_an_upstream_sends_beyond_its_answer_reaches_nobody() {
    let street = Street::with("").await;
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
    street.recorder.answers(&format!("{OK}{evil}"));
    for path in ["/a", "/b", "/c"] {
        let wire = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        let reply = street.shop.raw(wire.as_bytes()).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "ok"), "{path}");
    }
}
