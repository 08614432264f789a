//! The unit: systemd takes it, finds it confined, and gives the program the time that it needs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::{Effective, is_a_command, packaging, span, string, text};
use crate::support::demo::PROGRAM;
use crate::support::program::{Said, write};

/// The worst that `systemd-analyze security` may find, of 100: the network is what it is there for.
const EXPOSURE: &str = "--threshold=20";

fn unit() -> String {
    text(&packaging("systemd/vestibule.service"))
}

/// All values of a setting.
fn values(setting: &str) -> Vec<String> {
    let start = format!("{setting}=");
    let unit = unit();
    let lines = unit.lines().filter_map(|line| line.strip_prefix(&start));
    lines.map(str::to_owned).collect()
}

fn value(setting: &str) -> String {
    let [value] = <[String; 1]>::try_from(values(setting)).unwrap();
    value
}

/// Of the package's configuration.
fn effective() -> Effective {
    Effective::of(&packaging("debian/vestibule.toml"), &BTreeMap::new())
}

/// Asks `systemd-analyze` about the unit with the program that was built.
fn analyze(arguments: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let here = unit().replace("/usr/bin/vestibule", PROGRAM);
    let file = write(folder.path(), "vestibule.service", &here);
    let mut command = Command::new("systemd-analyze");
    let output = command.args(arguments).arg(file).output();
    output
        .expect("systemd-analyze; `scripts/setup test` installs it")
        .into()
}

#[test]
fn systemd_takes_the_unit_without_a_word() {
    let said = analyze(&["verify", "--man=no"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
}

#[test]
fn systemd_finds_the_service_well_confined() {
    let said = analyze(&["security", "--offline=true", EXPOSURE]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
}

#[test]
fn the_service_may_write_where_the_configuration_says() {
    let state = format!("/var/lib/{}/", value("StateDirectory"));
    let effective = effective();
    for pointer in ["/store/path", "/account/0/keys/file"] {
        let path = string(effective.at(pointer));
        assert!(path.starts_with(&state), "{path}");
    }
    assert_eq!(value("WorkingDirectory"), state.trim_end_matches('/'));
    assert_eq!(value("ProtectSystem"), "strict");
    assert_eq!(value("User"), "vestibule");
    for (file, line) in [
        ("systemd/vestibule.sysusers", "\nu vestibule "),
        (
            "systemd/vestibule.tmpfile",
            "\nd /etc/vestibule/secrets 0750 root vestibule",
        ),
    ] {
        assert!(text(&packaging(file)).contains(line), "{file}");
    }
}

#[test]
fn systemd_waits_longer_than_an_end_takes() {
    let wait = span(&value("TimeoutStopSec"));
    assert!(wait > effective().longest_end(), "{wait:?}");
    assert_eq!(value("KillSignal"), "SIGTERM");
}

#[test]
fn the_unit_starts_checks_and_reloads_by_commands_that_are_there() {
    let mut commands = values("ExecStart");
    commands.extend(values("ExecReload"));
    let own = commands
        .iter()
        .filter_map(|line| line.strip_prefix("/usr/bin/vestibule "));
    let own: Vec<Vec<&str>> = own.map(|line| line.split(' ').collect()).collect();
    assert_eq!(own.len(), 2, "{commands:?}");
    for arguments in own {
        is_a_command(&arguments);
        let file = arguments.last().unwrap();
        assert_eq!(*file, "/etc/vestibule/vestibule.toml");
    }
    assert_eq!(commands.last().unwrap(), "/bin/kill -HUP $MAINPID");
}

#[test]
fn a_bad_configuration_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "vestibule.toml", "[[listener]]\n");
    let said = crate::support::program::run(&["run", "--config", &config]);
    assert_eq!(value("RestartPreventExitStatus"), said.code.to_string());
    let file: PathBuf = value("EnvironmentFile").trim_start_matches('-').into();
    assert_eq!(file, PathBuf::from("/etc/default/vestibule"));
}
