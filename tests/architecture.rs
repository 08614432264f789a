//! Rules about the source that no lint can state: who may know whom, how long a file may be, what
//! nothing is called. They read the files as text and build nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The longest that a file may be without its tests, in lines.
const LONGEST: usize = 400;

/// What the domain may not know: time, chance, the outside world, and every other zone.
const FOREIGN_TO_DOMAIN: &[&str] = &[
    r"\basync\b",
    r"\.await\b",
    r"\b(tokio|pingora|tracing|axum|prometheus|moka|rand|getrandom)\b::",
    r"\bstd::(fs|io|env|process|thread)\b",
    // Addresses are values; connections are the world.
    r"\b(TcpListener|TcpStream|UdpSocket|ToSocketAddrs)\b",
    r"\b(SystemTime|Instant)\b",
    r"\bcrate::(account|admin|apps|assemble|cli|clock|config|demo|directory|edge|flow|memo|outbound|ports|serve|store|telemetry)\b",
];

/// Where the domain breaks a rule on purpose, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &[
    "Manager", "Helper", "Helpers", "Util", "Utils", "Handler", "Data", "Info", "Inner", "Common",
    "Misc", "Stuff", "Base", "Impl",
];

struct Source {
    /// Beneath the repository's root.
    path: String,
    text: String,
}

impl Source {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        gather(&root.join("src"), &mut found);
        found.sort();
        let sources: Vec<Self> = found
            .iter()
            .map(|file| Self {
                path: file
                    .strip_prefix(root)
                    .expect("beneath it")
                    .display()
                    .to_string(),
                text: fs::read_to_string(file).expect("a text"),
            })
            .collect();
        assert!(sources.len() > 100, "the source was not found");
        sources
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The lines before the file's own tests, numbered from 1.
    fn working_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines
            .windows(2)
            .position(
                |pair| matches!(pair, ["#[cfg(test)]", next] if next.ends_with("mod tests {")),
            )
            .unwrap_or(lines.len());
        (1..).zip(lines).take(tests)
    }

    /// The working lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.working_lines()
            .map(|(number, line)| match line.split_once("//") {
                // A scheme's slashes are no comment.
                Some((before, _)) if !before.ends_with(':') => (number, before),
                _ => (number, line),
            })
    }
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("its entry").path();
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// Fails with every breach at once.
fn none(breaches: &[String], rule: &str) {
    let mut said = String::new();
    for breach in breaches {
        writeln!(said, "  {breach}").expect("a string takes all");
    }
    assert!(breaches.is_empty(), "{rule}\n{said}");
}

#[test]
fn the_domain_knows_nothing_of_time_chance_the_world_or_the_other_zones() {
    let foreign: Vec<Regex> = FOREIGN_TO_DOMAIN
        .iter()
        .map(|pattern| Regex::new(pattern).unwrap())
        .collect();
    let mut breaches = Vec::new();
    let mut used = vec![false; EXCEPTIONS.len()];
    for source in Source::all() {
        if source.is_test() || !source.path.starts_with("src/domain") {
            continue;
        }
        for (number, line) in source.code() {
            let excepted = EXCEPTIONS
                .iter()
                .position(|(path, text, _)| source.path == *path && line.contains(text));
            if let Some(at) = excepted {
                used[at] = true;
            } else if foreign.iter().any(|rule| rule.is_match(line)) {
                breaches.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none(&breaches, "src/domain is handed everything as arguments:");
    assert!(
        used.iter().all(|used| *used),
        "an exception is needed no more"
    );
}

#[test]
fn the_domain_gets_its_parts_from_the_domain_alone() {
    // Whatever zone is added later is foreign too, without anybody thinking of this test.
    let own = Regex::new(r"\bcrate::(\w+)").unwrap();
    let mut breaches = Vec::new();
    for source in Source::all() {
        if !source.path.starts_with("src/domain") {
            continue;
        }
        for (number, line) in source.code() {
            for found in own.captures_iter(line) {
                if &found[1] != "domain" {
                    breaches.push(format!("{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    none(&breaches, "src/domain uses crate::domain alone:");
}

#[test]
fn every_file_opens_with_what_it_is() {
    let breaches: Vec<String> = Source::all()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    none(&breaches, "every file begins with `//!`:");
}

#[test]
fn no_file_is_too_long_to_read_at_once() {
    let breaches: Vec<String> = Source::all()
        .iter()
        .filter(|source| !source.is_test())
        .map(|source| (source, source.working_lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(source, lines)| format!("{}: {lines} lines", source.path))
        .collect();
    none(&breaches, "a file has at most 400 lines without its tests:");
}

#[test]
fn a_module_is_a_file_of_its_own_name() {
    let breaches: Vec<String> = Source::all()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| path.ends_with("/mod.rs"))
        .collect();
    none(&breaches, "`foo.rs` beside `foo/`, no `mod.rs`:");
}

#[test]
fn pingoras_session_is_called_an_exchange_here() {
    // A session is what a shopper has; pingora's word means one request and its response.
    let imported = Regex::new(r"^\s*(pub(\([a-z]+\))? )?use pingora[^;]*\bSession\b[^;]*").unwrap();
    let renamed = Regex::new(r"\bSession as Exchange\b").unwrap();
    let inline = Regex::new(r"\bpingora::[a-z_:]*::Session\b").unwrap();
    let mut breaches = Vec::new();
    let mut exchanges = 0;
    for source in Source::all() {
        for (number, line) in source.code() {
            if renamed.is_match(line) {
                exchanges += 1;
            } else if imported.is_match(line) || inline.is_match(line) {
                breaches.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none(
        &breaches,
        "pingora's `Session` is imported `as Exchange` alone:",
    );
    assert!(exchanges > 0, "the import was not found");
}

#[test]
fn nothing_has_a_name_that_says_nothing() {
    let definition = Regex::new(r"\b(?:struct|enum|trait|union|type) ([A-Z]\w*)").unwrap();
    let word = Regex::new(r"[A-Z][a-z0-9]*").unwrap();
    let mut breaches = Vec::new();
    for source in Source::all() {
        for (number, line) in source.code() {
            for name in definition
                .captures_iter(line)
                .map(|found| found[1].to_owned())
            {
                if word
                    .find_iter(&name)
                    .any(|word| EMPTY_WORDS.contains(&word.as_str()))
                {
                    breaches.push(format!("{}:{number}: {name}", source.path));
                }
            }
        }
        let file = Path::new(&source.path).file_stem().unwrap();
        let file = file.to_string_lossy();
        let empty = |word: &str| {
            EMPTY_WORDS
                .iter()
                .any(|empty| empty.eq_ignore_ascii_case(word))
        };
        if file.split('_').any(empty) {
            breaches.push(source.path.clone());
        }
    }
    none(&breaches, "a name says what a thing is:");
}
