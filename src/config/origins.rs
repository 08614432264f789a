//! Where each value of the configuration in force was written: in which file, by which variable. What
//! is in none of them is a default. Names of places alone, never a value.

use serde_json::{Map, Value, json};

use super::report::Source;
use super::tree::{Kind, Node};

/// The keys of a lifetime, as the configuration in force tells them, but for `absolute`.
const LIFETIME: [&str; 7] = [
    "profile",
    "lifetime",
    "refresh_before_end",
    "idle",
    "idle_grace",
    "cookie_max_age",
    "clock_skew",
];

/// The same shape as the configuration in force: tables, lists of tables, and in the place of each
/// value the name of its place.
pub(super) fn origins(tree: &Node, sources: &[Source]) -> Value {
    let mut told = of(tree, sources);
    let Some(members) = told.as_object_mut() else {
        return told;
    };
    let common = members.remove("lifetime").unwrap_or_default();
    let accounts = members.get_mut("account").and_then(Value::as_array_mut);
    for account in accounts.into_iter().flatten() {
        let own = account.get("lifetime").cloned().unwrap_or_default();
        if let Some(account) = account.as_object_mut() {
            let lifetime = json!({
                "authenticated": lifetime(&common, &own, "authenticated"),
                "anonymous": lifetime(&common, &own, "anonymous"),
            });
            account.insert("lifetime".to_owned(), lifetime);
        }
    }
    told
}

fn of(node: &Node, sources: &[Source]) -> Value {
    match &node.kind {
        Kind::Table(table) => {
            let members = table.iter();
            let members = members.map(|(key, (_, one))| (key.clone(), of(one, sources)));
            Value::Object(members.collect())
        }
        Kind::List(items) if items.iter().any(|one| matches!(one.kind, Kind::Table(_))) => {
            items.iter().map(|one| of(one, sources)).collect()
        }
        _ => match sources.get(node.place.source) {
            Some(Source::File { path, .. }) => path.display().to_string().into(),
            Some(Source::Variable { name, .. }) => name.as_str().into(),
            None => Value::Null,
        },
    }
}

/// What goes over what is said where lifetimes are checked: an account's own over the common one,
/// and what is said of anonymous shoppers over both.
fn lifetime(common: &Value, own: &Value, kind: &str) -> Value {
    let anonymous = kind == "anonymous";
    let mut told = Map::new();
    for key in LIFETIME {
        let special = |table: &Value| table.get("anonymous")?.get(key).cloned();
        let places = [
            special(own).filter(|_| anonymous),
            special(common).filter(|_| anonymous),
            own.get(key).cloned(),
            common.get(key).cloned(),
        ];
        let place = places.into_iter().flatten().next();
        told.extend(place.map(|place| (key.to_owned(), place)));
    }
    let absolute = format!("absolute_{kind}");
    let place = own.get(&absolute).or_else(|| common.get(&absolute));
    told.extend(place.map(|place| ("absolute".to_owned(), place.clone())));
    Value::Object(told)
}
