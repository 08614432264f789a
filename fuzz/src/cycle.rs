//! The cycle of session apps: any apps, any answers, and one session at the end.
//!
//! Input: a [`Case`], as `arbitrary` reads it.

mod apps;
mod slow;

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use serde_json::{Value, json};
use vestibule::domain::patch::Patch;
use vestibule::domain::session::{Body, Field};
use vestibule::domain::transform::app::{Answer, Call, Failure};
use vestibule::domain::transform::{
    Cycle, CycleError, Graph, GraphSettings, OnLoop, Outcome, Start,
};

use apps::{Reply, Shape, field, field_of, is_system};

/// Apps, a session, and a request.
#[derive(Arbitrary, Clone, Debug)]
struct Case {
    apps: Vec<Shape>,
    kept: Vec<(u8, u8)>,
    request: Vec<(u8, Option<u8>)>,
    create: bool,
    recall: u8,
    max_rounds: u8,
    fail_on_loop: bool,
    /// After how many rounds the deadline passes.
    close_after: Option<u8>,
    /// How replies are turned in their order, and apps in theirs.
    turn: u8,
    /// Answers in the order of calls, whatever the app is, where there are any.
    wild: Vec<Reply>,
}

/// The target.
pub fn run(data: &[u8]) {
    let Ok(mut case) = Case::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    case.apps.truncate(6);
    case.kept.truncate(16);
    case.request.truncate(8);
    graphs_are_checked(&case);
    let (graph, start) = (case.graph(&case.apps), case.start());
    keeps_its_laws(&case, &graph, &start, &mut |_, call| {
        case.apps[call.app].answer(call)
    });
    let mut wild = case.wild.iter().cycle();
    if let Some(first) = wild.next() {
        let mut next = first;
        keeps_its_laws(&case, &graph, &start, &mut |spec, _| {
            let reply = next.answer(spec);
            next = wild.next().unwrap_or(first);
            reply
        });
    }
    replies_come_in_any_order(&case, &graph, &start);
    apps_stand_in_any_order(&case, &graph, &start);
    stays_settled(&case, &graph, &start);
    slow::agrees(&case, &graph, &start);
}

impl Case {
    fn settings(&self) -> GraphSettings {
        GraphSettings {
            max_rounds: u32::from(self.max_rounds % 9) + 1,
            on_loop: if self.fail_on_loop {
                OnLoop::Fail
            } else {
                OnLoop::Revert
            },
        }
    }

    /// A graph that may be: without what [`graphs_are_checked`] sees refused.
    fn graph(&self, apps: &[Shape]) -> Graph {
        let specs = apps.iter().enumerate().map(|(at, shape)| shape.spec(at));
        Graph::try_new(specs.collect(), self.settings(), |_| true).expect("nothing is wrong")
    }

    fn start(&self) -> Start {
        let body: Body = self
            .kept
            .iter()
            .map(|&(key, value)| (field(key), json!(value % 4)))
            .collect();
        let mut request = Patch::new();
        for &(key, value) in &self.request {
            match value {
                Some(value) => request.set(field(key), json!(value % 4)),
                None => request.unset(field(key)),
            }
        }
        Start {
            body,
            request,
            raw: Self::raw(),
            create: self.create,
            // No app of a new session is pending or past its age.
            recall: (0..self.apps.len())
                .filter(|at| !self.create && self.recall >> at & 1 == 1)
                .collect(),
        }
    }

    /// The cookie as it came.
    fn raw() -> Body {
        let cookie = (field_of("cookie.VtexIdclientAutCookie"), json!(3));
        std::iter::once(cookie).collect()
    }

    /// Whether every answer follows from the call alone and no app fails or refuses.
    fn is_plain(&self) -> bool {
        self.close_after.is_none() && self.apps.iter().all(Shape::is_plain)
    }

    /// Whether no two apps write one field.
    fn is_disjoint(&self) -> bool {
        let mut seen = BTreeSet::new();
        let mut outputs = self.apps.iter().flat_map(Shape::outputs);
        outputs.all(|field| seen.insert(field))
    }
}

/// Who answers calls, told what the app may write.
type Answers<'a> = &'a mut dyn FnMut(&[Field], &Call) -> Result<Answer, Failure>;

/// Drives a cycle. Each round's replies are turned by `turn`.
fn drive(
    case: &Case,
    graph: &Graph,
    start: Start,
    turn: usize,
    answer: Answers<'_>,
) -> (Result<Outcome, CycleError>, usize) {
    let mut cycle = Cycle::start(graph, start);
    let mut rounds = 0;
    loop {
        if case
            .close_after
            .is_some_and(|after| usize::from(after % 4) == rounds)
        {
            cycle.close();
        }
        let Some(calls) = cycle.next_round() else {
            break;
        };
        assert!(!calls.is_empty() && calls.is_sorted_by_key(|call| call.app));
        rounds += 1;
        assert!(rounds <= 4096, "a cycle does not end");
        let mut replies: Vec<_> = calls
            .iter()
            .map(|call| {
                let spec = graph.app(call.app).expect("an app that there is");
                is_told_what_it_watches(spec, call);
                (call.app, answer(&spec.outputs, call))
            })
            .collect();
        let turn = turn % replies.len();
        replies.rotate_left(turn);
        cycle.absorb(replies);
    }
    (cycle.finish(), rounds)
}

fn is_told_what_it_watches(spec: &vestibule::domain::transform::AppSpec, call: &Call) {
    let watched = |field: &Field| spec.inputs.iter().any(|input| input.watches(field));
    assert!(call.inputs.iter().all(|(field, _)| watched(field)));
    assert!(call.current.iter().all(|(field, _)| spec.writes(field)));
    assert!(!call.create || spec.run_on_create);
}

/// Rounds are bounded, and nothing is written that nobody may write.
fn keeps_its_laws(case: &Case, graph: &Graph, start: &Start, answer: Answers<'_>) {
    let (outcome, rounds) = drive(case, graph, start.clone(), 0, answer);
    let asked = start.request.len();
    // Each refusal that stands begins the rounds anew, and takes what asked out of the request.
    let anew = 1 + asked * graph.apps().len();
    let most = graph.settings().max_rounds as usize * anew + 1;
    assert!(rounds <= most, "{rounds} rounds, {most} at most");
    let Ok(outcome) = outcome else { return };
    let changed = Patch::diff(&start.body, &outcome.body);
    assert!(changed.iter().map(|(field, _)| field).eq(&outcome.changed));
    for field in &outcome.changed {
        let declared = graph.apps().iter().any(|app| app.writes(field));
        let asked = start.request.edit(field.as_str()).is_some();
        // A refusal takes back what asked, and only built-in apps refuse.
        let refused = field.namespace() == "public" && case.refuses();
        assert!(declared || asked || refused, "{field} is nobody's");
        assert!(!is_system(field) || asked, "{field} is the system's");
    }
    for (at, round) in outcome.rounds.iter().enumerate() {
        assert!(round.calls.is_sorted_by_key(|call| call.app));
        assert!(at == 0 || outcome.rounds[at - 1].number <= round.number);
    }
    assert!(outcome.answered.keys().all(|&at| graph.app(at).is_some()));
    assert!(
        outcome
            .denied
            .is_none_or(|status| matches!(status, 401 | 403))
    );
}

impl Case {
    fn refuses(&self) -> bool {
        self.apps.iter().any(Shape::refuses) || self.wild.iter().any(Reply::refuses)
    }
}

fn replies_come_in_any_order(case: &Case, graph: &Graph, start: &Start) {
    let mut answer = |_: &[Field], call: &Call| case.apps[call.app].answer(call);
    let (one, rounds) = drive(case, graph, start.clone(), 0, &mut answer);
    let turn = usize::from(case.turn);
    let (other, again) = drive(case, graph, start.clone(), turn, &mut answer);
    assert_eq!(rounds, again);
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.body, other.body);
            assert_eq!(one.rounds, other.rounds);
            assert_eq!(one.denied, other.denied);
            assert_eq!(one.looped, other.looped);
            assert_eq!(one.failed, other.failed);
            assert_eq!(one.answered, other.answered);
            assert_eq!(one.overwritten, other.overwritten);
        }
        (one, other) => assert_eq!(one.map(drop), other.map(drop)),
    }
}

/// The order of apps tells who wins a field, and which of several refusals comes first: where
/// there is neither, it says nothing.
fn apps_stand_in_any_order(case: &Case, graph: &Graph, start: &Start) {
    if case.apps.len() < 2 || !case.is_disjoint() || case.apps.iter().any(Shape::refuses) {
        return;
    }
    let by = usize::from(case.turn) % case.apps.len();
    let mut turned = case.clone();
    turned.apps.rotate_left(by);
    let place = |at: usize| (at + case.apps.len() - by) % case.apps.len();
    let names: Vec<_> = graph.apps().iter().map(|app| app.name.clone()).collect();
    let mut specs: Vec<_> = graph.apps().to_vec();
    specs.rotate_left(by);
    let other = Graph::try_new(specs, case.settings(), |_| true).expect("nothing is wrong");
    let moved = Start {
        recall: start.recall.iter().map(|&at| place(at)).collect(),
        ..start.clone()
    };
    let (one, rounds) = drive(case, graph, start.clone(), 0, &mut |_, call| {
        case.apps[call.app].answer(call)
    });
    let (two, again) = drive(&turned, &other, moved, 0, &mut |_, call| {
        turned.apps[call.app].answer(call)
    });
    assert_eq!(one.is_ok(), two.is_ok());
    let (Ok(one), Ok(two)) = (one, two) else {
        return;
    };
    assert_eq!(rounds, again);
    assert_eq!(one.body, two.body);
    assert_eq!(one.changed, two.changed);
    let loops = |outcome: &Outcome| {
        let found = outcome.looped.clone();
        found.map(|found| (found.fields, BTreeSet::from_iter(found.apps)))
    };
    assert_eq!(loops(&one), loops(&two));
    let failed: BTreeMap<_, _> = one
        .failed
        .iter()
        .map(|(&at, why)| (&names[at], why))
        .collect();
    let called = |at: usize| &other.apps()[at].name;
    let other_failed: BTreeMap<_, _> = two
        .failed
        .iter()
        .map(|(&at, why)| (called(at), why))
        .collect();
    assert_eq!(failed, other_failed);
}

/// Once a cycle has settled, to call again everybody who answered changes nothing.
fn stays_settled(case: &Case, graph: &Graph, start: &Start) {
    if !case.is_plain() || !case.is_disjoint() || case.create {
        return;
    }
    let mut answer = |_: &[Field], call: &Call| case.apps[call.app].answer(call);
    let (outcome, _) = drive(case, graph, start.clone(), 0, &mut answer);
    let Ok(outcome) = outcome else { return };
    if outcome.looped.is_some() {
        return;
    }
    let again = Start {
        body: outcome.body.clone(),
        raw: start.raw.clone(),
        recall: outcome.answered.keys().copied().collect(),
        ..Start::default()
    };
    let (settled, _) = drive(case, graph, again, 0, &mut answer);
    let settled = settled.expect("nobody fails");
    assert_eq!(settled.changed, Vec::<Field>::new());
    assert_eq!(settled.body, outcome.body);
}

/// Graphs are refused for what the contract names, and for nothing else.
fn graphs_are_checked(case: &Case) {
    let shares = |at: usize| case.recall >> at & 1 == 1;
    let named = |at: usize| if case.fail_on_loop { at / 2 } else { at };
    let specs: Vec<_> = case
        .apps
        .iter()
        .enumerate()
        .map(|(at, shape)| shape.unchecked_spec(named(at)))
        .collect();
    let settings = GraphSettings {
        max_rounds: u32::from(case.max_rounds % 9),
        ..case.settings()
    };
    let twice = case.fail_on_loop && specs.len() > 1;
    let system = specs.iter().any(|spec| spec.outputs.iter().any(is_system));
    let taken = specs.iter().enumerate().any(|(at, spec)| {
        let earlier = |field: &Field| specs[..at].iter().any(|other| other.writes(field));
        let clash = |field: &Field| field.namespace() != "public" && earlier(field);
        !shares(at) && spec.outputs.iter().any(clash)
    });
    let wrong = twice || system || taken || settings.max_rounds == 0;
    match Graph::try_new(specs, settings, shares) {
        Ok(graph) => {
            assert!(!wrong);
            assert_eq!(graph.settings(), settings);
        }
        Err(errors) => assert!(wrong && !errors.is_empty()),
    }
}

/// A number in a body; nothing counts as none.
fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or_default()
}
