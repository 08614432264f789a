//! What is wrong with a directory file, and where, is told at once.

use proptest::prelude::*;

use super::*;

fn mistakes(text: &str) -> Vec<(usize, String)> {
    let errors = Embedded::parse(text).unwrap_err();
    errors
        .into_iter()
        .map(|error| (error.line, error.message))
        .collect()
}

#[test]
fn five_mistakes_are_told_at_once_with_their_lines() {
    let text = DEMO
        .replace("default_channel = \"1\"", "default_channel = \"4\"")
        .replace("\"bruno@example.com\"", "\"bruno\"")
        .replace(
            "channels = [\"1\", \"2\", \"3\"]",
            "channels = [\"1\", \"9\"]",
        )
        .replace("id = \"v2.SAO\"", "id = \"v2.RIO\"")
        .replace("to = \"10292\"", "to = \"10000\"");
    let line = |part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    let second_rio = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("v2.RIO"));
    let expected = [
        (line("default_channel"), "the default channel is not active"),
        (line("\"9\""), "there is no channel `9`"),
        (line("\"bruno\""), "this is no e-mail address"),
        (
            second_rio.last().unwrap().0 + 1,
            "another region has the id `v2.RIO`",
        ),
        (line("\"10000\""), "the range ends before it starts"),
    ];
    assert_eq!(
        mistakes(&text),
        expected.map(|(line, message)| (line, message.to_owned()))
    );
}

/// What was written, what is written instead, where that is wrong, and how it is told.
type Damage = (&'static str, &'static str, (usize, usize), &'static str);

/// Damages the demo's file, once each, and finds that one mistake where it is.
fn check(cases: &[Damage]) {
    for (written, damaged, at, message) in cases {
        let errors = Embedded::parse(&DEMO.replacen(written, damaged, 1)).unwrap_err();
        assert_eq!(errors.len(), 1, "{damaged}: {errors:?}");
        assert_eq!((errors[0].line, errors[0].column), *at, "{}", errors[0]);
        assert!(errors[0].message.starts_with(message), "{}", errors[0]);
    }
}

#[test]
fn mistakes_of_channels_are_told_where_they_are() {
    let default = "default_channel = \"1\"";
    let country = "country = \"USA\"";
    check(&[
        (default, "", (1, 1), "`default_channel` is missing"),
        (
            default,
            "default_channel = 1",
            (3, 19),
            "`default_channel` is a text of 1 to 256",
        ),
        (
            default,
            "default_channel = \"9\"",
            (3, 19),
            "the default channel is none of the",
        ),
        (
            default,
            "default_channel = \"3\"",
            (3, 19),
            "the default channel is private",
        ),
        (
            country,
            "country = \"usa\"",
            (10, 11),
            "`country` has three capital letters",
        ),
        (
            country,
            "country = \"USA\"\ncolour = 1",
            (11, 1),
            "unknown key `colour`; allowed are",
        ),
        (
            country,
            "country = \"USA\"\nactive = 1",
            (11, 10),
            "`active` is true or false",
        ),
        (country, "", (8, 1), "`country` is missing"),
        (
            "[\"en-US\", \"es-US\"]",
            "[]",
            (13, 12),
            "`cultures` names at least",
        ),
        ("es-US", "es_US", (13, 22), "`es_US` is no culture"),
        (
            "id = \"4\"",
            "id = \"1\"",
            (31, 6),
            "another channel has the id",
        ),
    ]);
}

#[test]
fn mistakes_of_customers_campaigns_and_regions_are_told_where_they_are() {
    check(&[
        (
            "\"gold\"",
            "\"a,b\"",
            (43, 17),
            "`price_tables` has 1 to 128 visible",
        ),
        ("\"gold\"", "7", (43, 17), "`price_tables` is a text"),
        (
            "[\"gold\"]",
            "\"gold\"",
            (43, 16),
            "`price_tables` is a list",
        ),
        (
            "[\"newsletter\"]",
            "[]",
            (70, 14),
            "an empty `utm_source` fits nobody",
        ),
        (
            "degrees = 1",
            "degrees = 181",
            (88, 47),
            "`degrees` is a number from 0",
        ),
        (
            "degrees = 1",
            "degrees = nan",
            (88, 47),
            "`degrees` is a number from 0",
        ),
        (
            "\"10292\"",
            "\"1029\"",
            (98, 40),
            "`to` has as many digits as `from`",
        ),
        (
            "\"10292\"",
            "\"1O292\"",
            (98, 40),
            "`to` has 1 to 12 digits",
        ),
    ]);
}

#[test]
fn people_are_told_apart_by_id_and_by_canonical_e_mail() {
    let text = DEMO
        .replace(BRUNO, ANA)
        .replace("bruno@example.com", "ANA@example.com")
        .replace("clerk@", "Agent@");
    let messages: Vec<String> = mistakes(&text)
        .into_iter()
        .map(|(_, message)| message)
        .collect();
    assert_eq!(
        messages,
        [
            format!("another customer has the id `{ANA}`"),
            "another customer has this e-mail".to_owned(),
            "another member of staff has this e-mail".to_owned(),
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_alone() {
    let errors = mistakes("default_channel = \n\n[[channel]\nid = \"1\"\n");
    let lines: Vec<usize> = errors.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 3]);
    assert!(
        errors
            .iter()
            .all(|(_, message)| message.starts_with("not TOML: ")),
        "{errors:?}"
    );
}

#[test]
fn columns_count_characters_and_errors_print_their_place() {
    let text = "default_channel = \"1\"\nregion = [{ \"é\" = 1, x = 2 }]\n";
    let errors = Embedded::parse(text).unwrap_err();
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for start in [
        "line 1, column 19: the default channel is none of the channels",
        "line 2, column 13: unknown key `é`; allowed are id, country, postal_codes, near",
        "line 2, column 22: unknown key `x`",
    ] {
        assert!(
            shown.iter().any(|line| line.starts_with(start)),
            "{start}: {shown:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
        prop_assert!(Embedded::parse(&text).is_err());
    }

    #[test]
    fn any_damage_to_a_file_is_read_without_a_panic(
        at in 0..DEMO.len(),
        length in 0..40_usize,
        put in "[\\[\\]{}\"'=,.#\\n0-9a-zé -]{0,12}",
    ) {
        let end = (at + length).min(DEMO.len());
        let (before, after) = (DEMO.get(..at).unwrap(), DEMO.get(end..).unwrap());
        let text = format!("{before}{put}{after}");
        if let Err(errors) = Embedded::parse(&text) {
            let lines = text.lines().count() + 1;
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|e| (1..=lines).contains(&e.line) && e.column >= 1));
        }
    }
}
