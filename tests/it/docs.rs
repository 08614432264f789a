//! Documents tell the truth: every fenced block marked `sh run` is executed with the built program
//! and a demo of its own, and what the document shows is what is said. `...` stands for anything.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::demo::{Demo, PROGRAM};

/// A command of a document, and the lines that it is said to print.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    line: usize,
    command: String,
    shown: Vec<String>,
}

/// Reads the blocks that are to be run: `$ ` begins a command, `\` continues it on the next line.
fn read_steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut inside, mut continued) = (false, false);
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```sh run";
            continued = false;
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            continued = command.ends_with('\\');
            steps.push(Step {
                line: at + 1,
                command: command.to_owned(),
                shown: Vec::new(),
            });
        } else if let Some(step) = steps.last_mut().filter(|_| inside) {
            if continued {
                continued = line.ends_with('\\');
                step.command.push('\n');
                step.command.push_str(line);
            } else {
                step.shown.push(line.trim_end().to_owned());
            }
        }
    }
    steps
}

/// Whether lines are as shown; a line of `...` stands for any number of them.
fn are_as_shown(shown: &[String], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=said.len()).any(|skipped| are_as_shown(rest, &said[skipped..]))
        }
        Some((first, rest)) => said.split_first().is_some_and(|(line, others)| {
            is_as_shown(first, line.trim_end()) && are_as_shown(rest, others)
        }),
    }
}

/// Whether a line is as shown; `...` within it stands for any text.
fn is_as_shown(shown: &str, said: &str) -> bool {
    let Some((first, rest)) = shown.split_once("...") else {
        return shown == said;
    };
    let Some(said) = said.strip_prefix(first) else {
        return false;
    };
    let mut tails = (0..=said.len()).filter_map(|at| said.get(at..));
    tails.any(|tail| is_as_shown(rest, tail))
}

/// The documents of the repository.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("docs")];
    let mut found = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A directory like the repository's root, as far as commands of documents need it.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy_folder(&root.join("conf"), &folder.path().join("conf"));
    folder
}

/// Runs a command as a reader would who has the program in their path.
fn run(command: &str, folder: &Path) -> String {
    let programs = Path::new(PROGRAM).parent().unwrap();
    let mut path = OsString::from(programs);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("VESTIBULE_ENV")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn commands_that_documents_show_say_what_the_documents_show() {
    let mut wrong = Vec::new();
    for document in documents() {
        let steps = read_steps(&fs::read_to_string(&document).unwrap());
        if steps.is_empty() {
            continue;
        }
        let folder = workplace();
        let demo = Demo::start(folder.path());
        for step in steps {
            let said = demo.as_shown(&run(&demo.as_run(&step.command), folder.path()));
            let lines: Vec<&str> = said.lines().collect();
            if !are_as_shown(&step.shown, &lines) {
                let (document, line, shown) = (document.display(), step.line, step.shown);
                let (command, shown) = (step.command, shown.join("\n"));
                wrong.push(format!(
                    "{document}:{line}: {command}\n--- shown\n{shown}\n--- said\n{said}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_shows_what_the_demo_says_at_its_start() {
    let folder = workplace();
    let demo = Demo::start(folder.path());
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let said = demo.greeting();
    let (before, link) = said.split_once("?once=").expect("the demo shows its link");
    let (secret, after) = link.split_once('\n').unwrap();
    assert_eq!(secret.len(), 43);
    let greeting = format!("{before}?once=...\n{after}");
    assert!(readme.contains(greeting.trim_end()), "{greeting}");
}

#[test]
fn links_of_documents_lead_to_files_that_are_there() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            let there = target.contains("://") || document.with_file_name(file).exists();
            assert!(file.is_empty() || there, "{}: {target}", document.display());
        }
    }
}

#[test]
fn operators_are_told_of_every_metric_and_every_event() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut parts = vec![root.join("src/telemetry.rs")];
    for folder in ["src/telemetry", "src/telemetry/traces"] {
        let found = fs::read_dir(root.join(folder)).into_iter().flatten();
        parts.extend(found.map(|part| part.unwrap().path()));
    }
    let parts = parts.into_iter().filter(|part| part.is_file());
    let source: String = parts
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let told = fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let metrics = source
        .split('"')
        .filter(|text| text.starts_with("vestibule_"));
    let metrics = metrics.map(|text| text.split('{').next().unwrap());
    let events = source
        .lines()
        .filter(|line| line.trim().starts_with("Event::"));
    let events = events.filter_map(|line| line.split_once("=> \"")?.1.split('"').next());
    for name in metrics.chain(events) {
        assert!(told.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_block_is_read_as_commands_and_what_they_print() {
    let text = "```sh run\n$ a \\\n  b\none\n...\n$ c\n```\n```sh\n$ d\n```\n$ e\n";
    let step = |line, command: &str, shown: &[&str]| Step {
        line,
        command: command.to_owned(),
        shown: shown.iter().map(|&line| line.to_owned()).collect(),
    };
    assert_eq!(
        read_steps(text),
        [step(2, "a \\\n  b", &["one", "..."]), step(6, "c", &[])]
    );
}

#[test]
fn dots_stand_for_any_text_and_any_lines() {
    for (shown, said, fits) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a...", "ab", true),
        ("...é...d", "aébcd", true),
        ("a...d", "abc", false),
        ("...\nb", "a\na\nb", true),
        ("...\nb", "a\nb\nc", false),
        ("a\n...", "a", true),
    ] {
        let shown_lines: Vec<String> = shown.lines().map(str::to_owned).collect();
        let said_lines: Vec<&str> = said.lines().collect();
        assert_eq!(
            are_as_shown(&shown_lines, &said_lines),
            fits,
            "{shown:?} {said:?}"
        );
    }
}
