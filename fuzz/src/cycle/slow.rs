//! The law of the cycle (contract, section 6) a second time, for apps that answer by their inputs: no
//! records, no failures, no refusals.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vestibule::domain::patch::{Edit, Patch};
use vestibule::domain::session::{Body, Field};
use vestibule::domain::transform::{AppSpec, Call, Graph, Start};

use super::{Case, drive};

type Fields = BTreeMap<Field, Value>;

/// What a round begins with.
#[derive(Clone, PartialEq)]
struct State {
    now: Fields,
    changed: BTreeSet<Field>,
}

/// Both come to the same: one session, or a loop.
pub(super) fn agrees(case: &Case, graph: &Graph, start: &Start) {
    if !case.is_plain() {
        return;
    }
    let mut answer = |_: &[Field], call: &Call| case.apps[call.app].answer(call);
    let (outcome, _) = drive(case, graph, start.clone(), 0, &mut answer);
    match (outcome, run(case, graph, start)) {
        (Ok(outcome), Some(fields)) => {
            assert_eq!(outcome.looped, None);
            let found: Fields = outcome
                .body
                .iter()
                .map(|(field, slot)| (field.clone(), slot.value().clone()))
                .collect();
            assert_eq!(found, fields, "{case:#?}\n{:#?}", outcome.rounds);
        }
        (Ok(outcome), None) => assert!(outcome.looped.is_some() && !case.fail_on_loop),
        (Err(_), None) => assert!(case.fail_on_loop),
        (Err(error), Some(_)) => panic!("{error}, but it settles"),
    }
}

/// The session that a cycle settles at; none: it would not settle.
fn run(case: &Case, graph: &Graph, start: &Start) -> Option<Fields> {
    let kept = start.body.iter();
    let mut now: Fields = kept
        .map(|(field, slot)| (field.clone(), slot.value().clone()))
        .collect();
    let mut changed = BTreeSet::new();
    let starts = |app: &AppSpec| app.run_on_create;
    if start.create && graph.apps().iter().any(starts) {
        let apps = graph.apps().iter().enumerate();
        let mut round = Patch::new();
        for (at, _) in apps.filter(|(_, app)| starts(app)) {
            merge(&mut round, graph, at, case.apps[at].writes(&Body::new()));
        }
        changed = write(&mut now, &round);
    }
    if start.create {
        let given = start.body.namespace("public");
        changed.extend(given.map(|(field, _)| field.clone()));
    }
    changed.extend(write(&mut now, &start.request));
    let mut recall = start.recall.clone();
    let mut seen: Vec<State> = Vec::new();
    let mut state = State { now, changed };
    loop {
        let Some(round) = round(case, graph, &state, &recall) else {
            return Some(state.now);
        };
        if seen.contains(&state) || seen.len() >= graph.settings().max_rounds as usize {
            return None;
        }
        seen.push(state.clone());
        state.changed = write(&mut state.now, &round);
        recall.clear();
    }
}

/// What the apps of a round write; none: nobody is called and nothing is cleared.
fn round(case: &Case, graph: &Graph, state: &State, recall: &BTreeSet<usize>) -> Option<Patch> {
    let State { now, changed } = state;
    let raw = Case::raw();
    let body: Body = now.clone().into_iter().collect();
    let mut round = Patch::new();
    let (mut idle, mut due) = (Vec::new(), Vec::new());
    for (at, app) in graph.apps().iter().enumerate() {
        if !recall.contains(&at) && !changed.iter().any(|field| app.watches(field)) {
            continue;
        }
        if app.when.as_ref().is_none_or(|when| when.holds(&body)) {
            due.push(at);
        } else if app.outputs.iter().any(|field| now.contains_key(field)) {
            idle.push(at);
        }
    }
    if idle.is_empty() && due.is_empty() {
        return None;
    }
    for at in idle {
        for field in &graph.apps()[at].outputs {
            round.unset(field.clone());
        }
    }
    for at in due {
        let app = &graph.apps()[at];
        let who = |field: &&Field| matches!(field.namespace(), "authentication" | "impersonate");
        if changed.iter().filter(who).any(|field| app.watches(field)) {
            for field in &app.outputs {
                round.unset(field.clone());
            }
        }
        let inputs: Body = now
            .iter()
            .filter(|(field, _)| app.inputs.iter().any(|input| input.watches(field)))
            .filter_map(|(field, value)| {
                let value = match field.namespace() {
                    "cookie" => raw.value(field.as_str())?,
                    _ => value,
                };
                Some((field.clone(), value.clone()))
            })
            .collect();
        merge(&mut round, graph, at, case.apps[at].writes(&inputs));
    }
    Some(round)
}

/// Adds what an app may write of what it said.
fn merge(round: &mut Patch, graph: &Graph, at: usize, mut said: Patch) {
    said.retain(|field, _| graph.apps()[at].writes(field));
    round.merge(said);
}

fn write(now: &mut Fields, patch: &Patch) -> BTreeSet<Field> {
    let mut changed = BTreeSet::new();
    for (field, edit) in patch.iter() {
        let differs = match edit {
            Edit::Set(slot) => {
                let before = now.insert(field.clone(), slot.value().clone());
                before.as_ref() != Some(slot.value())
            }
            Edit::Unset => now.remove(field).is_some(),
        };
        if differs {
            changed.insert(field.clone());
        }
    }
    changed
}
