//! `vestibule check`: says everything that is wrong with a configuration, and changes nothing.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::config::{self, Effective, FileChecks, Layers, Loaded, Report};

mod online;

use online::Online;

/// What to check, and how to tell.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The configuration's file.
    pub file: &'a Path,
    /// The environment whose overlay is laid over it.
    pub environment: Option<&'a str>,
    /// Whether to tell it to a machine.
    pub json: bool,
    /// Whether to print the effective configuration too, secrets hidden.
    pub show: bool,
    /// Whether to try each source once.
    pub online: bool,
}

/// Checks; 0 where the configuration can be used, 1 where not.
///
/// # Errors
/// Where nothing can be written to `out`.
pub fn run(
    check: Check<'_>,
    variables: impl IntoIterator<Item = (String, String)>,
    files: &dyn FileChecks,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let layers = Layers::read(check.file, check.environment, variables);
    let loaded = config::load(&layers, files);
    if check.json {
        return tell_machine(check, &loaded, out);
    }
    match loaded {
        Ok(Loaded {
            config,
            warnings,
            effective,
            ..
        }) => {
            if warnings.findings().is_empty() {
                writeln!(out, "{}: no errors, no warnings", check.file.display())?;
            } else {
                write!(out, "{warnings}")?;
            }
            if check.show {
                write!(out, "\n{effective}")?;
            }
            if !check.online {
                return Ok(ExitCode::SUCCESS);
            }
            match Online::try_all(&config)? {
                Ok(online) => {
                    online.write(out)?;
                    Ok(code_of(online.is_good()))
                }
                Err(problem) => {
                    writeln!(out, "online: {problem}")?;
                    Ok(code_of(false))
                }
            }
        }
        Err(report) => {
            write!(out, "{report}")?;
            Ok(ExitCode::from(1))
        }
    }
}

fn code_of(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn tell_machine(
    check: Check<'_>,
    loaded: &Result<Loaded, Report>,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let (report, effective, code) = match loaded {
        Ok(loaded) => (&loaded.warnings, Some(&loaded.effective), ExitCode::SUCCESS),
        Err(report) => (report, None, ExitCode::from(1)),
    };
    let effective = effective.filter(|_| check.show).map(Effective::to_json);
    let (online, code) = match loaded {
        Ok(loaded) if check.online => {
            let online = Online::try_all(&loaded.config)?;
            let good = online.as_ref().is_ok_and(Online::is_good);
            let told = match online {
                Ok(online) => online.to_json(),
                Err(problem) => json!({ "wrong": problem }),
            };
            (told, code_of(good))
        }
        _ => (Value::Null, code),
    };
    let told = json!({ "report": report.to_json(), "effective": effective, "online": online });
    serde_json::to_writer_pretty(&mut *out, &told)?;
    writeln!(out)?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Unseen;

    const GOOD: &str = r#"
[[account]]
name = "shop"
id = "5b1f0c1e-8a54-4f0e-9d0b-6a2f2f6b7c11"
hosts = ["shop.example.com"]
authentication.jwks = ["jwks.json"]
upstream = [{ name = "storefront", addresses = ["127.0.0.1:8081"] }]
"#;

    fn told(text: &str, json: bool, show: bool) -> (String, bool) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.toml");
        std::fs::write(&file, text).unwrap();
        let check = Check {
            file: &file,
            environment: None,
            json,
            show,
            online: false,
        };
        let mut out = Vec::new();
        let code = run(check, [], &Unseen, &mut out).unwrap();
        let good = format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS);
        (String::from_utf8(out).unwrap(), good)
    }

    #[test]
    fn a_good_file_says_so_and_is_shown_on_request() {
        let (text, good) = told(GOOD, false, false);
        assert!(
            good && text.ends_with("shop.toml: no errors, no warnings\n"),
            "{text}"
        );
        let (text, good) = told(GOOD, false, true);
        assert!(
            good && text.contains("session = \"vtex_session\""),
            "{text}"
        );
    }

    #[test]
    fn a_bad_file_ends_with_one_and_warnings_do_not() {
        let (text, good) = told("x = 1", false, false);
        assert!(!good && text.ends_with("2 errors, 0 warnings\n"), "{text}");
        let (text, good) = told(
            &format!("[lifetime]\nrefresh_before_end = 0\n{GOOD}"),
            false,
            false,
        );
        assert!(good && text.ends_with("0 errors, 1 warning\n"), "{text}");
    }

    #[test]
    fn machines_get_the_report_and_what_is_in_force() {
        let (text, good) = told(GOOD, true, true);
        let told_json: Value = serde_json::from_str(&text).unwrap();
        assert!(good);
        assert_eq!(told_json["report"]["errors"], 0);
        assert_eq!(told_json["effective"]["limits"]["headers"], 100);
        let (text, good) = told("x = 1", true, true);
        let told_json: Value = serde_json::from_str(&text).unwrap();
        assert!(!good);
        assert_eq!(told_json["report"]["findings"][0]["key"], "account");
        assert_eq!(told_json["effective"], Value::Null);
    }
}
