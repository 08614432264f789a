//! The apps of an account and what leads from one to another, from configuration.

use std::collections::BTreeSet;

use axum::Json;
use serde_json::{Value, json};

use crate::admin::whose::Of;

/// Tells the graph: namespaces that apps read and write, and the apps between them.
pub(super) async fn graph(of: Of) -> Json<Value> {
    let apps = of.account.graph.apps();
    let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
    let mut edges = Vec::new();
    for app in apps {
        let id = format!("app/{}", app.name);
        for input in &app.inputs {
            let namespace = input.namespace().to_owned();
            let shown = input.shown();
            let key = shown.strip_prefix(&namespace).unwrap_or(&shown);
            let key = key.strip_prefix('.').unwrap_or(key);
            let from = format!("namespace/{namespace}");
            edges.push(json!({"from": from, "to": id, "key": key}));
            read.insert(namespace);
        }
        for field in &app.outputs {
            let to = format!("namespace/{}", field.namespace());
            edges.push(json!({"from": id, "to": to, "key": field.key()}));
            written.insert(field.namespace().to_owned());
        }
    }
    let named = |name: &String| {
        // What no app writes comes from requests alone.
        let kind = if written.contains(name) {
            "namespace"
        } else {
            "input"
        };
        json!({"id": format!("namespace/{name}"), "name": name, "kind": kind})
    };
    let mut nodes: Vec<Value> = read.union(&written).map(named).collect();
    nodes.extend(apps.iter().map(|app| {
        json!({
            "id": format!("app/{}", app.name),
            "name": &*app.name,
            "kind": "app",
            "runOnCreate": app.run_on_create,
            "conditional": app.when.is_some(),
        })
    }));
    let rounds = of.account.graph.settings().max_rounds;
    Json(json!({"nodes": nodes, "edges": edges, "maxRounds": rounds}))
}
