//! Behaviour of the configuration as a whole: what is said about bad ones, what good ones mean.

mod layering;
mod messages;
mod named_files;
mod rendering;
mod schema;
mod shipped;

use std::path::Path;

use super::{Finding, Layers, Loaded, Location, Report, Severity, Unseen, load};

/// A configuration with nothing but what is required.
const SMALL: &str = r#"
[[account]]
name = "shop"
id = "5b1f0c1e-8a54-4f0e-9d0b-6a2f2f6b7c11"
hosts = ["shop.example.com"]
authentication.jwks = ["jwks.json"]

[[account.upstream]]
name = "storefront"
addresses = ["127.0.0.1:8081"]
"#;

fn loaded(text: &str) -> Result<Loaded, Report> {
    load(&Layers::text("shop.toml", text, Path::new("")), &Unseen)
}

/// The report of a text, errors or warnings.
fn report(text: &str) -> Report {
    loaded(text).map_or_else(|report| report, |loaded| loaded.warnings)
}

/// Each finding on one line: place, message, found, allowed, hint.
fn brief(text: &str) -> Vec<String> {
    let report = report(text);
    let line = |finding: &Finding| {
        let Location::File { position, .. } = &finding.location else {
            panic!("{finding} lies in no file")
        };
        let place = position.map_or_else(String::new, |(line, column)| format!("{line}:{column} "));
        let warning = match finding.severity {
            Severity::Error => "",
            Severity::Warning => "(warning) ",
        };
        let notes = [
            (" | found ", &finding.found),
            (" | allowed ", &finding.allowed),
            (" | hint ", &finding.hint),
        ];
        let notes = notes
            .into_iter()
            .filter_map(|(label, note)| Some(format!("{label}{}", note.as_ref()?)));
        format!(
            "{place}{warning}{}{}",
            finding.message,
            notes.collect::<String>()
        )
    };
    report.findings().iter().map(line).collect()
}

fn good(text: &str) -> Loaded {
    loaded(text).unwrap_or_else(|report| panic!("{report}"))
}
