//! What is said about bad configurations, word for word.
//!
//! `mistakes/*.txt` hold blocks: what is written beside a good configuration, `--`, and a line for
//! each finding: place, message, found, allowed, hint.

use super::{SMALL, brief};

/// Blocks of a file: what is written, and what is said.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let blocks = text.split("\n\n").filter(|block| !block.starts_with("## "));
    blocks
        .map(|block| {
            let (written, said) = block.split_once("--\n").unwrap();
            (written, said.lines().collect())
        })
        .collect()
}

#[test]
fn mistakes_about_the_process_and_times_are_told_with_place_found_and_allowed() {
    let blocks = blocks(include_str!("mistakes/process.txt"));
    assert_eq!(blocks.len(), 62);
    for (written, said) in blocks {
        assert_eq!(brief(&format!("{written}{SMALL}")), said, "{written}");
    }
}

#[test]
fn mistakes_about_accounts_are_told_with_place_found_and_allowed() {
    let blocks = blocks(include_str!("mistakes/account.txt"));
    assert_eq!(blocks.len(), 31);
    for (written, said) in blocks {
        assert_eq!(brief(&format!("{SMALL}{written}")), said, "{written}");
    }
}

#[test]
fn mistakes_about_sources_are_told_with_place_found_and_allowed() {
    let blocks = blocks(include_str!("mistakes/sources.txt"));
    assert_eq!(blocks.len(), 5);
    for (written, said) in blocks {
        assert_eq!(brief(&format!("{SMALL}{written}")), said, "{written}");
    }
}

#[test]
fn nothing_at_all_lacks_an_account() {
    assert_eq!(brief(""), ["1:1 `account` is missing at the top"]);
}
