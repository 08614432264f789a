//! The image: nothing of root's, nothing that needs a shell, and everything that the build needs.

use std::fs;
use std::path::Path;

use super::{USER, is_a_command, packaging, root, text};

/// The Dockerfile's instructions, continued lines joined, comments left out.
fn instructions() -> Vec<(String, String)> {
    let file = text(&packaging("Dockerfile"));
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let filled = joined.lines().filter(|line| !line.trim().is_empty());
    let split = filled.map(|line| line.split_once(' ').unwrap());
    split
        .map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()))
        .collect()
}

/// Those of the last stage.
fn last_stage() -> Vec<(String, String)> {
    let mut all = instructions();
    let at = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    all.split_off(at)
}

/// What an instruction of the last stage says; it is there once.
fn said(word: &str) -> String {
    let mut found = last_stage();
    found.retain(|(instruction, _)| instruction == word);
    assert_eq!(found.len(), 1, "{word}");
    found.remove(0).1
}

/// A command in the form that needs no shell.
fn command(text: &str) -> Vec<String> {
    let (_, inner) = text.split_once('[').expect("the form without a shell");
    serde_json::from_str(&format!("[{inner}")).unwrap()
}

#[test]
fn the_image_runs_as_a_user_of_its_own_and_without_a_shell() {
    assert_eq!(said("USER"), format!("{USER}:{USER}"));
    assert!(said("FROM").contains("distroless"));
    assert_eq!(said("STOPSIGNAL"), "SIGTERM");
    let stage = last_stage();
    assert!(stage.iter().all(|(word, _)| word != "RUN" && word != "ADD"));
    let entry = command(&said("ENTRYPOINT"));
    assert_eq!(entry, ["/usr/bin/vestibule"]);
    let placed = stage.iter().filter(|(word, _)| word == "COPY");
    assert!(
        placed
            .into_iter()
            .any(|(_, what)| what.ends_with(&entry[0]))
    );
    for (word, at) in [("HEALTHCHECK", 1), ("CMD", 0)] {
        let all = command(&said(word));
        let arguments: Vec<&str> = all[at..].iter().map(String::as_str).collect();
        is_a_command(&arguments);
    }
    assert_eq!(command(&said("HEALTHCHECK"))[0], entry[0]);
}

#[test]
fn the_image_is_built_with_the_rust_that_the_repository_names() {
    let toolchain: toml::Table = text(&root().join("rust-toolchain.toml")).parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let (_, first) = &instructions()[0];
    assert!(first.starts_with(&format!("rust:{channel}-")), "{first}");
}

#[test]
fn the_image_says_what_it_is() {
    let labels = said("LABEL");
    for name in [
        "title",
        "description",
        "licenses",
        "version",
        "revision",
        "created",
    ] {
        let label = format!("org.opencontainers.image.{name}=");
        assert!(labels.contains(&label), "{label}");
    }
    assert!(labels.contains(env!("CARGO_PKG_LICENSE")));
    assert!(labels.contains(env!("CARGO_PKG_DESCRIPTION")));
}

#[test]
fn what_the_build_needs_is_let_through_and_secrets_are_not() {
    let ignored = text(&root().join(".dockerignore"));
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "nothing but what is named");
    let through: Vec<&str> = lines.map(|line| line.strip_prefix('!').unwrap()).collect();
    for name in &through {
        assert!(root().join(name).exists(), "{name}");
    }
    for name in [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "src",
        "benches",
        "LICENSE",
    ] {
        assert!(through.contains(&name), "{name}");
    }
    for outside in files_that_the_source_takes_in() {
        let top = outside.split('/').next().unwrap();
        assert!(through.contains(&top), "{outside}");
    }
}

/// Files outside `src/` that the source includes.
fn files_that_the_source_takes_in() -> Vec<String> {
    let (mut folders, mut found) = (vec![root().join("src")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if !path.ends_with("tests.rs")
                && path.extension().is_some_and(|kind| kind == "rs")
            {
                found.extend(taken_in(&path));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

fn taken_in(source: &Path) -> Vec<String> {
    let text = text(source);
    // Tests are not built in the image.
    let working = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut found = Vec::new();
    for after in working.split("include_str!(\"").skip(1) {
        let named = source
            .parent()
            .unwrap()
            .join(after.split('"').next().unwrap());
        let named = named.canonicalize().unwrap();
        let name = named.strip_prefix(root()).unwrap().to_str().unwrap();
        if !name.starts_with("src/") {
            found.push(name.to_owned());
        }
    }
    found
}
