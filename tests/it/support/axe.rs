//! What keeps people from using a page, as axe-core finds it: contrast, names, order, and so on.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::chromium::Browser;

/// The rules that are asked: WCAG 2.2 up to AA, and what is good practice besides.
const ASKED: &str = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', \
    'wcag22aa', 'best-practice'], resultTypes: ['violations'] })\
    .then(({ violations, passes }) => ({ passes: passes.length, violations: violations.map(\
    ({ id, help, nodes }) => ({ id, help, at: nodes.map(({ target, any }) => \
    ({ target, why: any.map(({ message }) => message) })) })) }))";

fn script() -> PathBuf {
    let tools = std::env::var_os("CARGO_TARGET_DIR");
    let target = tools.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    target.join("tools/axe-core/package/axe.min.js")
}

/// Asserts that everybody can use the page that a tab shows. The page's own policy does not hold for
/// what a test runs in it.
pub(crate) async fn is_for_everybody(browser: &mut Browser, page: &str) {
    let axe = std::fs::read_to_string(script());
    let axe = axe.expect("there is no axe-core here: `scripts/setup test` installs it");
    browser.run(&format!("{axe}; null")).await;
    let found = browser.run(ASKED).await;
    assert!(found["passes"].as_u64() > Some(5), "{page}: {found}");
    let violations = found["violations"].as_array().unwrap();
    let told: Vec<String> = violations.iter().map(Value::to_string).collect();
    assert!(told.is_empty(), "{page}:\n{}", told.join("\n"));
}
