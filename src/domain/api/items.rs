//! The `items` of a request: which fields of a session it wants to see.

use std::borrow::Cow;

use memchr::memchr2;
use url::form_urlencoded;

use crate::domain::session::Field;

/// The fields that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Items<'q> {
    /// `*`: all of them.
    All,
    /// The ones of a comma list: fields by name, and whole namespaces (`public.*`), an extension of
    /// the platform's grammar. Compared as text; what can name no field fits none.
    Listed(Cow<'q, str>),
}

impl<'q> Items<'q> {
    /// Reads the `items` of a query. `None` where it has none, or nothing stands in it; the last
    /// of several counts. An entry that can name no field asks for nothing.
    pub fn read(query: Option<&'q str>) -> Option<Self> {
        let query = query?;
        let encoded = memchr2(b'%', b'+', query.as_bytes()).is_some();
        let list = if encoded {
            let pairs = form_urlencoded::parse(query.as_bytes());
            pairs.filter(|(name, _)| name == "items").last()?.1
        } else {
            // Nothing to decode: the text is what it says.
            let pairs = query.rsplit('&');
            Cow::Borrowed(pairs.into_iter().find_map(items_of)?)
        };
        if list.trim().is_empty() {
            return None;
        }
        if entries(&list).any(|entry| entry == "*") {
            return Some(Self::All);
        }
        Some(Self::Listed(list))
    }

    /// Tells of each field whether it is asked for.
    pub fn chosen(&self) -> impl Fn(&Field) -> bool + '_ {
        // Taken apart once, and not once a field.
        let listed: Option<Vec<&str>> = match self {
            Self::All => None,
            Self::Listed(list) => Some(entries(list).collect()),
        };
        move |field| {
            let names = |entry: &&str| {
                *entry == field.as_str()
                    || entry
                        .strip_suffix(".*")
                        .is_some_and(|namespace| namespace == field.namespace())
            };
            listed
                .as_ref()
                .is_none_or(|listed| listed.iter().any(names))
        }
    }
}

/// The list in a pair of a query that has one.
fn items_of(pair: &str) -> Option<&str> {
    let rest = pair.strip_prefix("items")?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('=')
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}
