//! Metrics in Prometheus' text format, read strictly.

use std::collections::{BTreeMap, BTreeSet};

/// What is told of one metric.
#[derive(Clone, Debug, Default)]
pub(super) struct Exposed {
    pub(super) kind: String,
    /// Each label with the values that were seen.
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
}

/// All metrics by name; a histogram's three series stand under their own names too.
pub(super) fn read(text: &str) -> BTreeMap<String, Exposed> {
    let mut all: BTreeMap<String, Exposed> = BTreeMap::new();
    let mut kind = (String::new(), String::new());
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# TYPE ") {
            let (name, is) = said.split_once(' ').unwrap();
            kind = (name.to_owned(), is.to_owned());
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        let whole = name == kind.0
            || (kind.1 == "histogram"
                && ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|end| name.strip_suffix(end) == Some(&kind.0)));
        assert!(whole, "{line} below TYPE {kind:?}");
        let exposed = all.entry(name.to_owned()).or_default();
        exposed.kind.clone_from(&kind.1);
        for pair in labels
            .split_inclusive("\",")
            .filter(|pair| !pair.is_empty())
        {
            let (label, value) = pair.split_once("=\"").unwrap();
            let value = value.trim_end_matches(',').strip_suffix('"').unwrap();
            let values = exposed.labels.entry(label.to_owned()).or_default();
            values.insert(value.to_owned());
        }
    }
    all
}
