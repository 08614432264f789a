//! Whether a browser's visitor has agreed to be remembered.

use http::HeaderMap;
use http::header::COOKIE;

use super::pairs::pieces;

/// The cookie in which a store's consent banner keeps the answer, and the answers that are a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    cookie: String,
    /// Whole values.
    values: Vec<String>,
    /// Beginnings of values.
    beginnings: Vec<String>,
}

impl Consent {
    /// `values` are compared byte for byte; `*` at the end of one stands for any ending.
    pub fn new(cookie: &str, values: &[String]) -> Self {
        let (open, whole): (Vec<_>, Vec<_>) = values.iter().partition(|value| value.ends_with('*'));
        let beginning = |value: &String| value.trim_end_matches('*').to_owned();
        Self {
            cookie: cookie.to_owned(),
            values: whole.into_iter().cloned().collect(),
            beginnings: open.into_iter().map(beginning).collect(),
        }
    }

    /// Whether the request shows a yes, and nothing else under that name: a banner of a parent
    /// domain must not outvote the store's own.
    pub fn is_given(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(COOKIE).iter();
        let pairs = lines.flat_map(|line| pieces(line.as_bytes()));
        let mut answers = pairs.filter(|pair| pair.name() == Some(self.cookie.as_bytes()));
        answers
            .next()
            .is_some_and(|first| self.is_yes(first.value()))
            && answers.all(|other| self.is_yes(other.value()))
    }

    fn is_yes(&self, value: &[u8]) -> bool {
        self.values.iter().any(|yes| yes.as_bytes() == value)
            || self
                .beginnings
                .iter()
                .any(|yes| value.starts_with(yes.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn given(lines: &[&str]) -> bool {
        let consent = Consent::new("consent", &["yes".to_owned(), "v2:all*".to_owned()]);
        let lines = lines.iter().map(|line| (COOKIE, line.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        consent.is_given(&headers)
    }

    #[test]
    fn a_yes_is_a_yes_and_everything_else_is_none() {
        for (lines, yes) in [
            (&["consent=yes"][..], true),
            (&["a=b; consent=v2:all:2026; c=d"], true),
            (&["a=b", "consent=yes"], true),
            (&[], false),
            (&["consent=no"], false),
            (&["consent="], false),
            (&["consent"], false),
            (&["consent=YES"], false),
            (&["consent=yess"], false),
            (&["xconsent=yes; consentx=yes"], false),
            (&["consent=yes; consent=no"], false),
            (&["consent=no", "consent=yes"], false),
        ] {
            assert_eq!(given(lines), yes, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_it(line in "[ -~]{0,200}") {
            given(&[&line]);
        }
    }
}
