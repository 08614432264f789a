//! The dashboard and the alerts that come with the program ask for what it tells, in `PromQL` that
//! can be parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, LabelModifier, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use regex::Regex;
use serde_json::Value;

use super::exposed::Exposed;
use super::metrics;

/// Labels that Prometheus adds to everything that it fetches.
const TARGET: [&str; 2] = ["instance", "job"];

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conf")
        .join(name)
}

/// Checks queries against what a program tells.
struct Known {
    exposed: BTreeMap<String, Exposed>,
    /// Words that the reference of metrics names, for what only another kind of store would tell.
    told: String,
}

impl Known {
    async fn of_a_program() -> Self {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
        Self {
            exposed: metrics::of_everything().await,
            told: std::fs::read_to_string(docs).unwrap(),
        }
    }

    /// The labels of a whole query's result are among those of its metrics; returns them.
    fn check(&self, query: &str) -> BTreeSet<String> {
        let plain = query
            .replace("$__rate_interval", "5m")
            .replace("$__range", "1h");
        let expr = parse(&plain).unwrap_or_else(|error| panic!("{error}: {query}"));
        let mut found = Found {
            known: self,
            query,
            labels: BTreeSet::new(),
            metrics: 0,
            grouped: Vec::new(),
        };
        walk_expr(&mut found, &expr).unwrap();
        assert!(found.metrics > 0, "it asks for nothing of ours: {query}");
        for label in &found.grouped {
            assert!(found.labels.contains(label), "nothing has {label}: {query}");
        }
        found.grouped.into_iter().collect()
    }

    fn metric(&self, name: &str, query: &str) -> &Exposed {
        let exposed = self.exposed.get(name);
        exposed.unwrap_or_else(|| panic!("there is no {name}: {query}"))
    }

    /// A word that is asked for is one that the program says.
    fn says(&self, name: &str, matcher: &Matcher, query: &str) {
        if TARGET.contains(&matcher.name.as_str()) || matcher.value.starts_with('$') {
            return;
        }
        let values = self.metric(name, query).labels.get(&matcher.name);
        let values = values.unwrap_or_else(|| panic!("{name} has no {}: {query}", matcher.name));
        let asked: Vec<&str> = match &matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
            MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
        };
        for one in asked {
            let fits = Regex::new(&format!("^(?:{one})$")).unwrap();
            let said = values.iter().any(|value| fits.is_match(value));
            let told = self.told.contains(&format!("`{one}`"));
            assert!(said || told, "{name} never says {one}: {query}");
        }
    }
}

struct Found<'a> {
    known: &'a Known,
    query: &'a str,
    labels: BTreeSet<String>,
    metrics: usize,
    grouped: Vec<String>,
}

impl ExprVisitor for Found<'_> {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        let selector = match expr {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(matrix) => &matrix.vs,
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels)) = &aggregate.modifier {
                    self.grouped
                        .extend(labels.labels.iter().map(ToString::to_string));
                }
                return Ok(true);
            }
            _ => return Ok(true),
        };
        let name = selector.name.as_deref().ok_or("a metric without a name")?;
        self.metrics += 1;
        let exposed = self.known.metric(name, self.query);
        self.labels.extend(exposed.labels.keys().cloned());
        self.labels.extend(TARGET.map(str::to_owned));
        for matcher in &selector.matchers.matchers {
            self.known.says(name, matcher, self.query);
        }
        Ok(true)
    }
}

/// Names between double braces.
fn braced(text: &str) -> Vec<String> {
    let between = Regex::new(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}").unwrap();
    let found = between.captures_iter(text);
    found.map(|name| name[1].to_owned()).collect()
}

fn dashboard() -> Value {
    let text = std::fs::read_to_string(shipped("grafana/vestibule.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn every_query_of_the_dashboard_asks_for_what_the_program_tells() {
    let known = Known::of_a_program().await;
    let dashboard = dashboard();
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            let labels = known.check(query);
            for name in braced(target["legendFormat"].as_str().unwrap()) {
                assert!(labels.contains(&name), "{name} in the legend of {query}");
            }
            queries += 1;
        }
    }
    assert!(queries > 50, "{queries}");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let values = Regex::new(r"^label_values\((.*), (\w+)\)$").unwrap();
    for variable in variables.iter().filter(|one| one["type"] == "query") {
        let query = variable["query"]["query"].as_str().unwrap();
        let asked = values.captures(query).unwrap();
        known.check(&asked[1]);
        let name = asked[1].split('{').next().unwrap();
        let label = &asked[2];
        let has = known.metric(name, query).labels.contains_key(label);
        assert!(has || TARGET.contains(&label), "{query}");
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard = dashboard();
    assert_eq!(
        dashboard["id"],
        Value::Null,
        "an id is given by whoever imports it"
    );
    assert_eq!(dashboard["uid"], "vestibule");
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken: Vec<[u64; 4]> = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: twice");
        let at = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        let [x, y, w, h] = at;
        assert!(x + w <= 24, "{title} is too wide");
        let meets =
            |[x2, y2, w2, h2]: &[u64; 4]| x < x2 + w2 && *x2 < x + w && y < y2 + h2 && *y2 < y + h;
        assert!(!taken.iter().any(meets), "{title} lies on another");
        taken.push(at);
        match panel["type"].as_str().unwrap() {
            "row" => {}
            "timeseries" | "stat" => {
                let source = &panel["datasource"]["uid"];
                assert_eq!(source, "${datasource}", "{title}");
                let unit = &panel["fieldConfig"]["defaults"]["unit"];
                assert!(unit.is_string(), "{title} has no unit");
            }
            other => panic!("{title} is a {other}, which the dashboard does not require"),
        }
    }
}

#[tokio::test]
async fn every_alert_asks_for_what_the_program_tells_and_says_what_to_do() {
    let known = Known::of_a_program().await;
    let text = std::fs::read_to_string(shipped("prometheus/vestibule.rules.yml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let mut names = BTreeSet::new();
    for group in rules["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name}: twice");
            let labels = known.check(rule["expr"].as_str().unwrap());
            let severity = rule["labels"]["severity"].as_str().unwrap();
            assert!(["page", "ticket"].contains(&severity), "{name}");
            for part in ["summary", "description"] {
                let said = rule["annotations"][part].as_str().unwrap();
                assert!(!said.is_empty(), "{name}: {part}");
                for label in braced(said) {
                    assert!(labels.contains(&label), "{name} has no {label}");
                }
            }
        }
    }
    assert!(names.len() >= 15, "{names:?}");
}
