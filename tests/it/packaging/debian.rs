//! The Debian package: what Cargo.toml lists is there, and its configuration runs as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Effective, is_a_command, packaging, root, string, strings, text};
use crate::support::program::{Running, free_ports, program, run};

const TRIES: usize = 5;

/// `[package.metadata.deb]`.
fn metadata() -> Value {
    let manifest: toml::Table = text(&root().join("Cargo.toml")).parse().unwrap();
    let deb = manifest["package"]["metadata"]["deb"].clone();
    serde_json::to_value(deb).unwrap()
}

/// Source, destination and mode of each file.
fn assets() -> Vec<[String; 3]> {
    let metadata = metadata();
    let assets = metadata["assets"].as_array().unwrap().iter();
    let three = |asset| <[&str; 3]>::try_from(strings(asset)).unwrap();
    assets
        .map(|asset| three(asset).map(str::to_owned))
        .collect()
}

/// Lays what the package has in `/etc/vestibule` into a folder.
fn lay_configuration(folder: &Path) {
    let mut laid = 0;
    for [source, to, mode] in assets() {
        if to == "etc/vestibule/" {
            let source = root().join(source);
            fs::copy(&source, folder.join(source.file_name().unwrap())).unwrap();
            assert_eq!(mode, "644");
            laid += 1;
        }
    }
    assert_eq!(laid, 3);
}

#[test]
fn every_file_of_the_package_is_there() {
    for [source, to, _] in assets() {
        assert!(!to.starts_with('/'), "{to}");
        // `scripts/deb` makes these.
        if source.starts_with("target/packaging/") {
            continue;
        }
        let (folder, name) = source.rsplit_once('/').unwrap_or((".", &source));
        let (start, end) = name.split_once('*').unwrap_or((name, ""));
        let fits = |entry: &str| entry.starts_with(start) && entry.ends_with(end);
        let mut entries = root().join(folder).read_dir().unwrap();
        let found = entries.any(|entry| fits(entry.unwrap().file_name().to_str().unwrap()));
        assert!(found, "{source}");
    }
    for folder in ["maintainer-scripts", "/systemd-units/unit-scripts"] {
        let pointer = format!("/{}", folder.trim_start_matches('/'));
        let metadata = metadata();
        let folder = string(metadata.pointer(&pointer).unwrap());
        assert!(root().join(folder).is_dir(), "{folder}");
    }
}

#[test]
fn the_pages_and_completions_that_the_package_takes_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man");
    let said = run(&["man", "--out", pages.to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let help = run(&["--help"]).out;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.split("\n\n").next().unwrap().lines();
    let commands: Vec<&str> = commands
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|&command| command != "help")
        .collect();
    assert!(commands.len() >= 10, "{commands:?}");
    let main = text(&pages.join("vestibule.1"));
    for command in &commands {
        let page = text(&pages.join(format!("vestibule-{command}.1")));
        assert!(page.contains(".TH "), "{command}");
        assert!(
            main.contains(&format!("vestibule\\-{command}(1)")),
            "{command}"
        );
    }
    for shell in ["bash", "fish", "zsh"] {
        let said = run(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        let missing = commands
            .iter()
            .find(|&&command| !said.out.contains(command));
        assert_eq!(missing, None, "{shell}");
    }
    let unwritable = run(&["man", "--out", "/dev/null/man"]);
    assert_eq!(unwritable.code, 1);
    assert!(unwritable.err.contains("/dev/null/man"), "{unwritable:?}");
}

#[test]
fn variables_that_the_package_suggests_are_known() {
    let defaults = text(&packaging("debian/default"));
    let suggested = defaults
        .lines()
        .filter_map(|line| line.strip_prefix("#VESTIBULE"));
    let suggested: BTreeMap<String, String> = suggested
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (format!("VESTIBULE{name}"), value.to_owned()))
        .collect();
    assert!(suggested.len() >= 2, "{suggested:?}");
    let effective = Effective::of(&packaging("debian/vestibule.toml"), &suggested);
    assert_eq!(string(effective.at("/listener/0/address")), "0.0.0.0:80");
    let live = defaults.lines().filter(|line| !line.starts_with('#'));
    assert!(
        live.collect::<String>().is_empty(),
        "nothing is set as shipped"
    );
}

#[test]
fn maintainer_scripts_are_good_shell_and_leave_room_for_the_others() {
    for entry in packaging("debian").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let script = text(&path);
        if !script.starts_with("#!/bin/sh\n") {
            continue;
        }
        assert!(script.contains("\n#DEBHELPER#\n"), "{}", path.display());
        let checked = Command::new("sh").arg("-n").arg(&path).status().unwrap();
        assert!(checked.success(), "{}", path.display());
    }
    is_a_command(&["check", "--config", "/etc/vestibule/vestibule.toml"]);
}

/// What a fresh installation runs, on ports and in a folder of the test's own.
#[tokio::test]
async fn the_configuration_of_the_package_runs_as_it_is() {
    for _ in 0..TRIES {
        let folder = tempfile::tempdir().unwrap();
        lay_configuration(folder.path());
        let file = folder.path().join("vestibule.toml");
        let state = folder.path().join("state");
        let [port, admin, _] = free_ports();
        let here = text(&file)
            .replace("/var/lib/vestibule", state.to_str().unwrap())
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:9090", &format!("127.0.0.1:{admin}"))
            .replace("grace = \"5s\"", "grace = \"1s\"");
        fs::write(&file, here).unwrap();
        Effective::checked(&file, &BTreeMap::new(), &[]);
        let command = program(&["run", "--config", file.to_str().unwrap()]);
        let mut running = Running::begin(command, folder);
        if !running.answers(port, admin).await {
            let log = running.log();
            assert!(log.contains("cannot listen"), "the program ended:\n{log}");
            continue;
        }
        let address = format!("127.0.0.1:{admin}");
        let said = run(&["health", "--ready", "--address", &address]);
        assert_eq!((said.code, said.out.as_str()), (0, "ready\n"), "{said:?}");
        assert!(state.join("keys.json").exists());
        assert!(running.stop().await.success(), "{}", running.log());
        return;
    }
    panic!("no free ports");
}
