//! Exchanges word for word: what came in, what the store's server got, what left.
//!
//! `tests/golden/*.http` hold scripts of exchanges. The requests are written by hand; what follows
//! from them is compared, and written anew by `make golden`. Ids, tokens and segments are numbered
//! in order of appearance: `{id 1}` twice is one id. What the segments say stands at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::{Captures, Regex};

use crate::support::clock::at;
use crate::support::origin::Seen;
use crate::support::{Reply, Shop, Shopper};

/// What differs by machine or by framing and says nothing about the decision.
const LEFT_OUT: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

#[tokio::test]
async fn exchanges_are_word_for_word_what_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 8, "{} scripts", files.len());
    let mut differences = String::new();
    for file in files {
        let expected = std::fs::read_to_string(&file).unwrap();
        let actual = play(&expected).await;
        if actual == expected {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &actual).unwrap();
        } else {
            let name = file.file_name().unwrap().to_string_lossy();
            write!(differences, "\n{name}\n{}", difference(&expected, &actual)).unwrap();
        }
    }
    assert!(
        differences.is_empty(),
        "- what it was, + what it is; `make golden` writes it anew\n{differences}"
    );
}

/// Plays the requests of a script and writes it with what followed from them.
async fn play(script: &str) -> String {
    let shop = Shop::start().await;
    let mut stage = Stage {
        shopper: Shopper::new(&shop),
        shop,
        names: Names::default(),
        logins: BTreeMap::new(),
    };
    let mut parts = script.split("=== ");
    let mut written = parts.next().unwrap().to_owned();
    for part in parts {
        let (title, text) = part.split_once('\n').unwrap();
        if let Some(setting) = title.strip_prefix("request at ") {
            write!(written, "=== {title}\n{text}").unwrap();
            written += &stage.exchange(setting, text).await;
        } else if let Some(path) = title.strip_prefix("the store says at ") {
            write!(written, "=== {title}\n{text}").unwrap();
            stage.store_says(path, text);
        }
    }
    written + &stage.names.told_segments()
}

struct Stage {
    shop: Arc<Shop>,
    shopper: Shopper,
    names: Names,
    /// One login of each person: the same cookie in every request of a script.
    logins: BTreeMap<String, String>,
}

impl Stage {
    /// One exchange at the moment that the title begins with.
    async fn exchange(&mut self, setting: &str, text: &str) -> String {
        let moment = setting.split([',', ' ']).next().unwrap();
        self.shop.clock.set(at(moment));
        let before = self.shop.origin.seen().len();
        let wire = self.wire(text);
        let reply = self.shop.raw(wire.as_bytes()).await;
        self.shopper.take(&reply);
        let seen = self.shop.origin.seen();
        let upstream = seen
            .get(before)
            .map_or_else(|| "(is not asked)\n".to_owned(), told_upstream);
        let told = format!(
            "=== the store gets\n{upstream}\n=== response\n{}\n",
            told_response(&reply)
        );
        self.names.redact(&told)
    }

    /// The request with its placeholders filled.
    fn wire(&mut self, text: &str) -> String {
        let login = Regex::new(r"\{(login|staff) ([^}]+)\}").unwrap();
        let filled = login.replace_all(text.trim_end(), |found: &Captures<'_>| {
            let (shop, email) = (&self.shop, &found[2]);
            let token = self.logins.entry(email.to_owned());
            token
                .or_insert_with(|| match &found[1] {
                    "login" => shop.token(email),
                    _ => shop.staff_token(email),
                })
                .clone()
        });
        let filled = filled.replace("{jar}", &self.shopper.line());
        let lines: Vec<&str> = filled.lines().chain(["Connection: close"]).collect();
        format!("{}\r\n\r\n", lines.join("\r\n"))
    }

    fn store_says(&self, path: &str, text: &str) {
        let mut lines = text.trim_end().lines();
        let status = lines.next().unwrap().parse().unwrap();
        let headers: Vec<(&'static str, &str)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| match name {
                "cache-control" => ("cache-control", value),
                "set-cookie" => ("set-cookie", value),
                other => panic!("no script needs `{other}` yet"),
            })
            .collect();
        self.shop.origin.says(path, status, &headers);
    }
}

fn told_upstream(seen: &Seen) -> String {
    format!(
        "{} {}\n{}",
        seen.method,
        seen.target,
        told_headers(&seen.headers)
    )
}

fn told_response(reply: &Reply) -> String {
    format!("{}\n{}", reply.status, told_headers(&reply.headers))
}

/// Sorted, since no order between different headers is promised.
fn told_headers(headers: &[(String, String)]) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    lines.sort();
    lines.concat()
}

/// What differs from run to run, numbered in order of appearance.
#[derive(Default)]
struct Names {
    tokens: Vec<String>,
    ids: Vec<String>,
    segments: Vec<String>,
}

impl Names {
    fn redact(&mut self, text: &str) -> String {
        let way = Regex::new(r"(?m)^(x-request-id|traceparent): .*$").unwrap();
        let text = way.replace_all(text, "$1: {fresh}");
        let token = Regex::new(r"[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}").unwrap();
        let text = token.replace_all(&text, |found: &Captures<'_>| {
            format!("{{token {}}}", number(&mut self.tokens, &found[0]))
        });
        let id = Regex::new(r"(x-session-id: )([0-9a-f-]{36})").unwrap();
        let text = id.replace_all(&text, |found: &Captures<'_>| {
            format!("{}{{id {}}}", &found[1], number(&mut self.ids, &found[2]))
        });
        let segment = Regex::new(r"(x-vtex-segment: |vtex_segment=)([A-Za-z0-9+/=]+)").unwrap();
        let text = segment.replace_all(&text, |found: &Captures<'_>| {
            let number = number(&mut self.segments, &found[2]);
            format!("{}{{segment {number}}}", &found[1])
        });
        text.into_owned()
    }

    fn told_segments(&self) -> String {
        let mut told = "=== segments\n".to_owned();
        for (number, segment) in (1..).zip(&self.segments) {
            let json = String::from_utf8(STANDARD.decode(segment).unwrap()).unwrap();
            writeln!(told, "{number} {json}").unwrap();
        }
        told
    }
}

fn number(known: &mut Vec<String>, text: &str) -> usize {
    let at = known.iter().position(|one| one == text);
    at.unwrap_or_else(|| {
        known.push(text.to_owned());
        known.len() - 1
    }) + 1
}

/// The lines that differ, with the three before them, block by block.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let mut told = String::new();
    let (mut at_old, mut at_new) = (0, 0);
    while at_old < old.len() || at_new < new.len() {
        if old.get(at_old) == new.get(at_new) {
            (at_old, at_new) = (at_old + 1, at_new + 1);
            continue;
        }
        let (to_old, to_new) = meet(&old, &new, (at_old, at_new));
        for line in &old[at_old.saturating_sub(3)..at_old] {
            writeln!(told, "  {line}").unwrap();
        }
        for line in &old[at_old..to_old] {
            writeln!(told, "- {line}").unwrap();
        }
        for line in &new[at_new..to_new] {
            writeln!(told, "+ {line}").unwrap();
        }
        (at_old, at_new) = (to_old, to_new);
    }
    told
}

/// Where two texts that differ come together again, by the fewest lines.
fn meet(old: &[&str], new: &[&str], (at_old, at_new): (usize, usize)) -> (usize, usize) {
    let (left_old, left_new) = (old.len() - at_old, new.len() - at_new);
    for apart in 0..=left_old + left_new {
        for skip in 0..=apart {
            let (to_old, to_new) = (at_old + skip, at_new + apart - skip);
            if to_old < old.len() && to_new < new.len() && old[to_old] == new[to_new] {
                return (to_old, to_new);
            }
        }
    }
    (old.len(), new.len())
}

#[test]
fn a_difference_shows_the_lines_that_differ() {
    let told = difference("a\nb\nc\nd\n", "a\nb\nx\nd\ne\n");
    assert_eq!(told, "  a\n  b\n- c\n+ x\n  b\n  c\n  d\n+ e\n");
    assert_eq!(difference("a\n", "a\n"), "");
}
