//! Rules: patterns mean what regular expressions mean, whatever they are compiled to.

use proptest::prelude::*;
use regex::Regex;

use super::super::names::Names;
use super::super::{InputRuleError, InputRules, InputSettings};

#[test]
fn the_defaults_are_rules() {
    assert!(InputRules::try_new(&InputSettings::default()).is_ok());
}

#[test]
fn every_mistake_is_told_at_once() {
    let settings = InputSettings {
        query: ["", "*", "a*b", "a b", "a,*", "ok", "ok_*"]
            .map(str::to_owned)
            .into(),
        cookies: ["", "(", "a)|(b", "a{9999}{9999}"]
            .map(str::to_owned)
            .into(),
        session_cookies: vec!["a b".to_owned(), String::new(), "c".to_owned()],
        cookie_header_bytes: 0,
    };
    let errors = InputRules::try_new(&settings).unwrap_err();
    let count = |wanted: fn(&InputRuleError) -> bool| errors.iter().filter(|e| wanted(e)).count();
    assert_eq!(count(|e| matches!(e, InputRuleError::QueryName(_))), 5);
    assert_eq!(
        count(|e| matches!(e, InputRuleError::CookiePattern { .. })),
        4
    );
    assert_eq!(count(|e| matches!(e, InputRuleError::CookieName(_))), 2);
    assert_eq!(count(|e| matches!(e, InputRuleError::SessionCookies)), 1);
    assert_eq!(count(|e| matches!(e, InputRuleError::NoCookieBytes)), 1);
}

fn names(pattern: &str) -> Names {
    let mut names = Names::new();
    names.add_pattern(pattern).unwrap();
    names
}

#[test]
fn patterns_match_whole_names() {
    for (pattern, name, matches) in [
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("abc", "xabc", false),
        ("^abc$", "abc", true),
        ("^abc.*$", "abcd", true),
        ("a.c", "abc", true),
        (r"a\.c", "abc", false),
        (r"a\.c", "a.c", true),
        ("ab?", "a", true),
        ("ab*", "abb", true),
        ("ab{2}", "abb", true),
        ("ab{2}", "ab", false),
        ("a|b", "b", true),
        ("a|b", "ab", false),
        ("x(a|b)", "xb", true),
        ("(?i)abc", "ABC", true),
        ("[ab]c", "bc", true),
        ("ab.+", "ab", false),
        (".*", "anything", true),
        (r"a\d", "a1", true),
        (r"a\d", "ad", false),
    ] {
        assert_eq!(
            names(pattern).find(name).is_some(),
            matches,
            "{pattern} {name}"
        );
    }
}

proptest! {
    #[test]
    fn compiled_patterns_agree_with_the_regular_expression(
        pattern in prop::collection::vec(
            prop::sample::select(vec![
                "a", "b", "_", r"\.", r"\-", ".", ".*", "?", "*", "+", "{2}", "|", "(a)", "(b|_)",
                "[ab]", r"\w", r"\x61", "^", "$", "(?i)", "(?x) ",
            ]),
            1..7,
        ),
        tried in prop::collection::vec("[abAB_.-]{1,5}", 1..12),
    ) {
        let pattern = pattern.concat();
        let anchored = Regex::new(&format!("^(?:{pattern})$"));
        let mut compiled = Names::new();
        if let (Ok(regex), Ok(())) = (anchored, compiled.add_pattern(&pattern)) {
            for name in tried {
                prop_assert_eq!(
                    compiled.find(&name).is_some(),
                    regex.is_match(&name),
                    "{} {}", pattern, name
                );
            }
        }
    }
}
