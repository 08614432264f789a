//! Which fields are asked for.

use proptest::prelude::*;

use crate::domain::api::Items;
use crate::domain::session::field::known;

fn takes(query: &str, field: &'static str) -> Option<bool> {
    Items::read(Some(query)).map(|items| items.chosen()(&known(field)))
}

#[test]
fn a_list_takes_its_fields_and_whole_namespaces() {
    let query = "x=1&items=store.channel,%20profile.email%20,public.*";
    for (field, taken) in [
        ("store.channel", true),
        ("profile.email", true),
        ("public.anything", true),
        ("store.channelPrivacy", false),
        ("public-x.a", false),
    ] {
        assert_eq!(takes(query, field), Some(taken), "{field}");
    }
}

#[test]
fn a_star_takes_everything_wherever_it_stands() {
    for query in ["items=*", "items=a.b,*", "items=%2A"] {
        assert_eq!(Items::read(Some(query)), Some(Items::All), "{query}");
    }
}

#[test]
fn a_field_whose_key_has_dots_is_found_and_what_names_none_asks_for_nothing() {
    assert_eq!(takes("items=public.a.b", "public.a.b"), Some(true));
    assert_eq!(takes("items=public,.,a.", "public.a"), Some(false));
}

#[test]
fn nothing_asked_for_is_no_list_and_the_last_list_counts() {
    for query in ["", "items", "items=", "items=%20", "item=a.b", "Items=a.b"] {
        assert_eq!(Items::read(Some(query)), None, "{query}");
    }
    assert_eq!(Items::read(None), None);
    assert_eq!(takes("items=a.b&items=c.d", "a.b"), Some(false));
    assert_eq!(Items::read(Some("items=a.b&items=")), None);
}

proptest! {
    #[test]
    fn any_query_is_read(query in any::<String>()) {
        let _ = Items::read(Some(&query));
    }
}
