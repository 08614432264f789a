//! Configurations: every text is good or is told what is wrong with it, with places that are there;
//! what is in force says itself again; and a reload sees every difference.
//!
//! Input: a configuration, then after zero bytes another one, and variables `NAME=value`.

use std::path::Path;

use vestibule::config::{Layers, Loaded, Location, Report, Severity, Unseen, load};

const NAME: &str = "fuzz.toml";

/// The target.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.split('\0');
    let (one, other) = (parts.next().unwrap_or_default(), parts.next());
    let variables: Vec<(String, String)> = parts
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let first = read(one, &[]);
    is_told(one, &first);
    if !variables.is_empty() {
        let _told = read(one, &variables);
    }
    let Ok(first) = first else { return };
    says_itself_again(&first);
    if let Some(Ok(second)) = other.map(|other| read(other, &[])) {
        sees_the_difference(&first, &second);
        sees_the_difference(&second, &first);
    }
}

fn read(text: &str, variables: &[(String, String)]) -> Result<Loaded, Report> {
    let layers = Layers::text(NAME, text, Path::new("")).with_variables(variables.to_vec());
    load(&layers, &Unseen)
}

/// Errors where it is refused and none where it is not; each points into the text.
fn is_told(text: &str, read: &Result<Loaded, Report>) {
    let report = match read {
        Ok(loaded) => &loaded.warnings,
        Err(report) => report,
    };
    assert_eq!(report.has_errors(), read.is_err());
    let (errors, warnings) = (
        report.count(Severity::Error),
        report.count(Severity::Warning),
    );
    assert_eq!(errors + warnings, report.findings().len());
    let json = report.to_json();
    assert_eq!(json["errors"], errors);
    assert_eq!(json["warnings"], warnings);
    let lines: Vec<&str> = text.split('\n').collect();
    for finding in report.findings() {
        assert!(!finding.message.is_empty());
        let Location::File { position, .. } = &finding.location else {
            panic!("{finding} lies in no file")
        };
        if let Some((line, column)) = position {
            let there = lines.get(line - 1).map(|line| line.chars().count());
            assert!(
                there.is_some_and(|length| (1..=length + 1).contains(column)),
                "{finding} points nowhere"
            );
        }
    }
    assert!(!report.to_string().is_empty() || report.findings().is_empty());
}

/// What is in force is told in full: read again, it is in force again, but for lifetimes, which are
/// told as they come out and not as they are written.
fn says_itself_again(loaded: &Loaded) {
    assert!(loaded.effective.changes(&loaded.effective).is_empty());
    let told = loaded.effective.to_string();
    let mut told: toml::Table = told.parse().expect("what is in force is told as TOML");
    let accounts = told.get_mut("account").and_then(toml::Value::as_array_mut);
    for account in accounts.into_iter().flatten() {
        account
            .as_table_mut()
            .map(|account| account.remove("lifetime"));
    }
    let text = told.to_string();
    let again = match read(&text, &[]) {
        Ok(again) => again,
        Err(report) => panic!("{report}\n{text}"),
    };
    let mut changes = again.effective.changes(&loaded.effective);
    changes.retain(|key| !(key.starts_with("account.") && key.contains(".lifetime.")));
    assert_eq!(changes, Vec::<String>::new());
    for account in &loaded.config.accounts {
        assert!(loaded.effective.account(&account.name).is_some());
    }
}

fn sees_the_difference(one: &Loaded, other: &Loaded) {
    let changes = one.effective.changes(&other.effective);
    assert_eq!(
        changes.is_empty(),
        one.effective.to_json() == other.effective.to_json(),
        "{changes:?}"
    );
    if !one.effective.same_for_all_accounts(&other.effective) {
        assert!(!changes.is_empty());
    }
}
