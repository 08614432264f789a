//! The schema, the reference made from it, and that nothing makes the loader panic.

use std::path::Path;

use proptest::prelude::*;

use super::{SMALL, good, loaded};
use crate::config::raw::{Size, Span};
use crate::config::{Layers, Unseen, load, reference, schema};

#[test]
fn the_schema_is_a_schema_and_takes_what_the_loader_takes() {
    jsonschema::meta::validate(schema()).unwrap();
    let validator = jsonschema::validator_for(schema()).unwrap();
    let small: serde_json::Value = toml::from_str(SMALL).unwrap();
    assert!(validator.is_valid(&small));
    for wrong in [
        "[server]\nthreads = 0\n",
        "[log]\nlevel = \"loud\"\n",
        "x = 1\n",
    ] {
        let wrong: serde_json::Value = toml::from_str(&format!("{wrong}{SMALL}")).unwrap();
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn the_committed_reference_is_current() {
    let committed = include_str!("../../../docs/configuration.md");
    assert!(
        committed == reference::markdown(),
        "docs/configuration.md is stale: `vestibule schema --markdown > docs/configuration.md`"
    );
}

#[test]
fn what_is_in_force_is_told_with_defaults_and_loads_again() {
    let told = good(SMALL).effective.to_json().clone();
    assert_eq!(told["limits"]["head"], "32KiB");
    assert_eq!(told["account"][0]["lifetime"]["anonymous"]["idle"], "25m");
    assert_eq!(told["account"][0]["cookies"]["session"], "vtex_session");
    let text = good(SMALL).effective.to_string();
    assert!(text.contains("session = \"vtex_session\""), "{text}");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}|(\\[{1,2}(account|server|lifetime|x)(\\.(route|app|cookies))?\\]{0,2}|(name|id|grace|hosts|path|when|map) ?= ?(\"[a-z/*. ]{0,5}\"?|[0-9-]{1,4}|\\[\"x\"|\\{a=1\\}|true)|\n|\t|é){0,30}") {
        let told = loaded(&text).map(drop);
        if let Err(report) = told {
            prop_assert!(report.has_errors());
            prop_assert!(!report.to_string().is_empty());
        }
    }

    #[test]
    fn arbitrary_variables_never_panic(
        name in "(SERVER|ACCOUNT|LISTENER|account|X|SHOP|UPSTREAM|STOREFRONT|NAME|__|_|é){0,8}",
        value in "\\PC{0,30}",
    ) {
        let variables = [(format!("VESTIBULE__{name}"), value)];
        let layers = Layers::text("shop.toml", SMALL, Path::new("")).with_variables(variables);
        let told = load(&layers, &Unseen).map(drop);
        if let Err(report) = told {
            prop_assert!(report.has_errors());
        }
    }

    #[test]
    fn spans_and_sizes_are_told_as_they_are_read(millis in 0_u64..3_000_000_000_000, bytes: u64) {
        let span = Span(std::time::Duration::from_millis(millis));
        prop_assert_eq!(Span::parse(&span.to_string()), Ok(span));
        prop_assert_eq!(Size::parse(&Size(bytes).to_string()), Ok(Size(bytes)));
    }

    #[test]
    fn what_is_read_as_span_or_size_never_panics(text in "\\PC{0,20}|[0-9]{1,30} ?(KiB|GB|d|y|ms)?") {
        let _read = (Span::parse(&text).is_ok(), Size::parse(&text).is_ok());
    }
}
