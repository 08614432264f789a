//! What holds for every graph of apps and every answer.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const KEYS: [&str; 5] = [
    "public.a",
    "public.b",
    "profile.c",
    "authentication.d",
    "store.e",
];

/// An app by numbers: which keys it watches, which it writes, and what it answers.
#[derive(Clone, Debug)]
struct Shape {
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    answer: Vec<(usize, u8)>,
    depends: bool,
    fails: bool,
    on_create: bool,
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let key = 0..KEYS.len();
    let one = (
        vec(key.clone(), 1..3),
        vec(key.clone(), 0..3),
        vec((key, 0..3u8), 0..3),
        any::<bool>(),
        proptest::bool::weighted(0.2),
        any::<bool>(),
    )
        .prop_map(
            |(inputs, outputs, answer, depends, fails, on_create)| Shape {
                inputs,
                outputs,
                answer,
                depends,
                fails,
                on_create,
            },
        );
    vec(one, 1..5)
}

fn graph_of(shapes: &[Shape]) -> Graph {
    let specs = shapes.iter().enumerate().map(|(at, shape)| {
        let names: Vec<&'static str> = shape.inputs.iter().map(|&key| KEYS[key]).collect();
        let outputs: Vec<&'static str> = shape.outputs.iter().map(|&key| KEYS[key]).collect();
        let mut spec = app(&format!("app{at}"), &names, &outputs, |_| writes(&[])).spec;
        spec.run_on_create = shape.on_create;
        spec
    });
    Graph::try_new(specs.collect(), GraphSettings::default(), |_| true).unwrap()
}

/// A deterministic answer: constants, or values that depend on the inputs (which can loop).
fn answer(shape: &Shape, call: &Call) -> Result<Answer, Failure> {
    if shape.fails {
        return Err(Failure::Timeout);
    }
    let weight: u64 = call
        .inputs
        .iter()
        .map(|(_, slot)| slot.value().as_u64().unwrap_or(1))
        .sum();
    let mut patch = Patch::new();
    for &(key, value) in &shape.answer {
        let value = if shape.depends {
            weight % 3 + u64::from(value)
        } else {
            value.into()
        };
        patch.set(known(KEYS[key]), json!(value));
    }
    Ok(Answer {
        writes: patch,
        ..Answer::default()
    })
}

fn drive(shapes: &[Shape], start: Start, turn: usize) -> (Result<Outcome, CycleError>, usize) {
    let graph = graph_of(shapes);
    let mut cycle = Cycle::start(&graph, start);
    let mut rounds = 0;
    while let Some(calls) = cycle.next_round() {
        let mut replies: Vec<_> = calls
            .iter()
            .map(|call| (call.app, answer(&shapes[call.app], call)))
            .collect();
        let len = replies.len();
        replies.rotate_left(turn % len);
        cycle.absorb(replies);
        rounds += 1;
    }
    (cycle.finish(), rounds)
}

fn starts() -> impl Strategy<Value = Start> {
    (
        vec(0..3u64, KEYS.len()),
        vec((0..KEYS.len(), 0..3u64), 0..4),
        any::<bool>(),
    )
        .prop_map(|(kept, written, create)| {
            let body = KEYS
                .iter()
                .zip(kept)
                .map(|(key, value)| (known(key), json!(value)));
            let mut request = Patch::new();
            for (key, value) in written {
                request.set(known(KEYS[key]), json!(value));
            }
            Start {
                body: body.collect(),
                request,
                create,
                ..Start::default()
            }
        })
}

proptest! {
    #[test]
    fn every_cycle_ends_within_its_bound(shapes in shapes(), start in starts()) {
        let (_, rounds) = drive(&shapes, start, 0);
        prop_assert!(rounds <= 1 + GraphSettings::default().max_rounds as usize);
    }

    #[test]
    fn the_order_of_replies_changes_nothing(
        shapes in shapes(), start in starts(), turn in 1..4usize
    ) {
        let (one, _) = drive(&shapes, start.clone(), 0);
        let (other, _) = drive(&shapes, start, turn);
        let (one, other) = (one.unwrap(), other.unwrap());
        prop_assert_eq!(one.body, other.body);
        prop_assert_eq!(one.rounds, other.rounds);
        prop_assert_eq!(one.overwritten, other.overwritten);
    }

    #[test]
    fn only_declared_outputs_and_the_requests_own_writes_differ_after(
        shapes in shapes(), start in starts()
    ) {
        let graph = graph_of(&shapes);
        let (before, request) = (start.body.clone(), start.request.clone());
        let (outcome, _) = drive(&shapes, start, 0);
        for (field, _) in Patch::diff(&before, &outcome.unwrap().body).iter() {
            let declared = graph.apps().iter().any(|app| app.writes(field));
            prop_assert!(declared || request.edit(field.as_str()).is_some(), "{}", field);
        }
    }

    #[test]
    fn what_no_app_is_told_of_changes_nothing_but_that_it_is_there(
        shapes in shapes(), start in starts(), click in 0..3u64, cart in 0..3u64
    ) {
        let mut start = Start { create: true, ..start };
        start.request.set(known("public.gclid"), json!(click));
        start.request.set(known("checkout.cartId"), json!(cart));
        start.body.set(known("public.gclid"), json!(1));
        let graph = graph_of(&shapes);
        let whole = drive(&shapes, start.clone(), 0).0.unwrap();
        let Ok(common) = SharedStart::of(start.clone(), &graph) else {
            return Ok(());
        };
        prop_assert_eq!(common.whole(), start);
        let alone = drive(&shapes, common.start().clone(), 0).0.unwrap();
        if whole.looped.is_some() {
            return Ok(());
        }
        let said = |outcome: &Outcome| {
            let Outcome { body, changed, requested, rounds, .. } = outcome.clone();
            (body, changed, requested, rounds)
        };
        prop_assert_eq!(said(&common.alone(&whole)), said(&alone));
        let mut both = alone;
        common.add_beside(&mut both);
        prop_assert_eq!(said(&both), said(&whole));
    }

    #[test]
    fn a_settled_session_stays_as_it_is(shapes in shapes(), start in starts()) {
        let (outcome, _) = drive(&shapes, start, 0);
        let body = outcome.unwrap().body;
        let again = Start { body: body.clone(), ..Start::default() };
        let (outcome, rounds) = drive(&shapes, again, 0);
        let outcome = outcome.unwrap();
        prop_assert_eq!(rounds, 0);
        prop_assert!(outcome.changed.is_empty());
        prop_assert_eq!(outcome.body, body);
    }
}
