//! Where a form leads back to: a path of this shop, never another site.

use url::Url;

/// Longer ones lead to the start page.
const LONGEST: usize = 2048;

/// The start page, where nothing better is known.
pub(super) const START: &str = "/";

/// Reads a `return_to`: a path (with query and fragment) of this very shop in normal form, or
/// the start page.
///
/// Judged after normalisation, for browsers drop tabs, turn `\` into `/` and resolve dots before
/// they look for `//host`.
pub(super) fn read_return_to(raw: &str) -> String {
    local_path(raw).unwrap_or_else(|| START.to_owned())
}

fn local_path(raw: &str) -> Option<String> {
    let plain = !raw.contains('\\') && !raw.chars().any(char::is_control);
    if raw.len() > LONGEST || !plain || !raw.starts_with('/') || raw.starts_with("//") {
        return None;
    }
    let base = Url::parse("http://shop.invalid/").expect("a constant URL");
    let target = base.join(raw).ok()?;
    let path = target.path();
    // `/.//host` becomes `//host`; a form that leads back to a login form leads nowhere.
    if target.origin() != base.origin() || path.starts_with("//") || is_form(path) {
        return None;
    }
    let mut local = path.to_owned();
    if let Some(query) = target.query() {
        local.push('?');
        local.push_str(query);
    }
    if let Some(fragment) = target.fragment() {
        local.push('#');
        local.push_str(fragment);
    }
    Some(local)
}

fn is_form(path: &str) -> bool {
    matches!(path, "/login" | "/logout" | "/impersonate")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_of_the_shop_are_kept() {
        for (raw, kept) in [
            ("/", "/"),
            ("/account", "/account"),
            ("/account?a=b&c=//d#e", "/account?a=b&c=//d#e"),
            ("/a/../account", "/account"),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/%5Cevil.example", "/%5Cevil.example"),
        ] {
            assert_eq!(read_return_to(raw), kept, "{raw}");
        }
    }

    #[test]
    fn everything_else_leads_to_the_start_page() {
        for raw in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/a\\b",
            "https:",
            "https://evil.example/",
            "https:/evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/x/..//evil.example",
            "/%2e//evil.example",
            "/login?return_to=/",
            "/logout",
        ] {
            assert_eq!(read_return_to(raw), "/", "{raw:?}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        assert_eq!(read_return_to(&long), "/");
    }

    proptest! {
        #[test]
        fn no_text_leads_off_the_shop(raw in "[/\\\\.%2e5cC:@a-z\t ?#]{0,24}") {
            let shop = Url::parse("https://shop.example/login").unwrap();
            let location = read_return_to(&raw);
            prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(shop.join(&location).unwrap().origin(), shop.origin());
        }
    }
}
