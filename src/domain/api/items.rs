//! The `items` of a request: which fields of a session it wants to see.

use url::form_urlencoded;

use crate::domain::session::Field;

/// The fields that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Items {
    /// `*`: all of them.
    All,
    /// The listed ones.
    Listed {
        /// Fields by name, sorted, each once.
        fields: Vec<Field>,
        /// Whole namespaces (`public.*`), sorted: an extension of the platform's grammar.
        namespaces: Vec<String>,
    },
}

impl Items {
    /// Reads the `items` of a query. `None` where it has none, or nothing stands in it; the last
    /// of several counts. An entry that can name no field asks for nothing.
    pub fn read(query: Option<&str>) -> Option<Self> {
        let query = query?.as_bytes();
        let (_, list) = form_urlencoded::parse(query)
            .filter(|(name, _)| name == "items")
            .last()?;
        Self::parse(&list)
    }

    fn parse(list: &str) -> Option<Self> {
        if list.trim().is_empty() {
            return None;
        }
        let (mut fields, mut namespaces) = (Vec::new(), Vec::new());
        for entry in list.split(',').map(str::trim) {
            if entry == "*" {
                return Some(Self::All);
            }
            if let Some(namespace) = entry.strip_suffix(".*") {
                namespaces.push(namespace.to_owned());
            } else {
                fields.extend(entry.parse::<Field>());
            }
        }
        fields.sort();
        fields.dedup();
        namespaces.sort();
        namespaces.dedup();
        Some(Self::Listed { fields, namespaces })
    }

    /// Whether a field is asked for.
    pub fn take(&self, field: &Field) -> bool {
        match self {
            Self::All => true,
            Self::Listed { fields, namespaces } => {
                fields.binary_search(field).is_ok()
                    || namespaces.iter().any(|asked| asked == field.namespace())
            }
        }
    }
}
