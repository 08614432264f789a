//! The transform cycle: which apps are called, in which round, and what their answers come to.

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use serde_json::json;
use tokio::runtime::Builder;
use vestibule::domain::patch::Patch;
use vestibule::domain::session::Body;
use vestibule::domain::session::field::known;
use vestibule::domain::transform::{Answer, AppSpec, Call, Cycle, Graph, GraphSettings, Start};

#[expect(dead_code, reason = "each bench takes its part of what they share")]
mod shared;

use shared::requests::{Request, campaign_query};
use shared::shop::Shop;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// The six apps over the demo store's directory: the create call, and what a campaign's link says.
#[divan::bench(sample_count = 200, sample_size = 8)]
fn first_visit_six_apps(bencher: Bencher<'_, '_>) {
    let shop = Shop::new();
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime of one thread can always be made");
    let mut campaign = 0;
    bencher
        .with_inputs(|| {
            campaign += 1;
            Request::new(&[], Some(campaign_query(campaign)))
        })
        .bench_local_refs(|request| runtime.block_on(shop.pass(request)));
}

/// The platform's own example: X changes, A writes Y for it; B and C hear of Y, B writes Z; C hears
/// of Z, and nothing follows.
#[divan::bench]
fn three_apps_of_the_example(bencher: Bencher<'_, '_>) {
    let graph = example();
    bencher
        .with_inputs(|| {
            let mut request = Patch::new();
            request.set(known("public.x"), json!("1"));
            Start {
                request,
                ..Start::default()
            }
        })
        .bench_local_values(|start| run(&graph, start));
}

/// Everything that the request says is known already.
#[divan::bench]
fn nothing_new(bencher: Bencher<'_, '_>) {
    let graph = example();
    let mut request = Patch::new();
    request.set(known("public.x"), json!("1"));
    let body: Body = [("public.x", "1"), ("a.y", "1"), ("b.z", "1")]
        .map(|(name, value)| (known(name), json!(value)))
        .into_iter()
        .collect();
    bencher
        .with_inputs(|| Start {
            body: body.clone(),
            request: request.clone(),
            ..Start::default()
        })
        .bench_local_values(|start| run(&graph, start));
}

/// Drives a cycle whose apps write what they were told.
fn run(graph: &Graph, start: Start) -> usize {
    let mut cycle = Cycle::start(graph, start);
    while let Some(calls) = cycle.next_round() {
        let replies = calls.iter().map(|call| (call.app, Ok(answer(call))));
        cycle.absorb(replies.collect());
    }
    let outcome = cycle.finish().expect("the example settles");
    outcome.changed.len()
}

fn example() -> Graph {
    let app = |name: &str, inputs: &[&'static str], output: &'static str| AppSpec {
        name: Arc::from(name),
        inputs: inputs
            .iter()
            .map(|name| vestibule::domain::transform::app::Input::Field(known(name)))
            .collect(),
        outputs: vec![known(output)],
        run_on_create: false,
        when: None,
        timeout: Duration::from_secs(2),
        on_error: vestibule::domain::transform::app::OnError::Keep,
        max_age: None,
    };
    let apps = vec![
        app("a", &["public.x"], "a.y"),
        app("b", &["a.y"], "b.z"),
        app("c", &["a.y", "b.z"], "c.w"),
    ];
    Graph::try_new(apps, GraphSettings::default(), |_| false).expect("the example is consistent")
}

/// Each app passes on what it was told; the third has nothing to say.
fn answer(call: &Call) -> Answer {
    let mut answer = Answer::default();
    let (input, output) = match call.app {
        0 => ("public.x", "a.y"),
        1 => ("a.y", "b.z"),
        _ => return answer,
    };
    if let Some(value) = call.value(input) {
        answer.writes.set(known(output), value.clone());
    }
    answer
}
