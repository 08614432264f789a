//! Load on a proxy. With a rate, every request has its moment, and what it took counts from then, so
//! that a proxy that stops is not spared what would have come meanwhile; without one, each connection
//! asks again as soon as it is answered.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::wire::{Server, Wire, heads};

/// What at the beginning of a run does not count, as a part of it.
const WARM: u32 = 10;

#[derive(Debug, Args)]
pub(crate) struct Load {
    #[arg(long)]
    to: SocketAddr,
    /// HTTP/2 over TLS 1.3, for which this authority vouches.
    #[arg(long)]
    authority: Option<PathBuf>,
    /// Requests without bodies, which are sent in turn.
    #[arg(long)]
    requests: PathBuf,
    #[arg(long)]
    connections: usize,
    #[arg(long)]
    seconds: f64,
    /// Requests a second, of all connections together.
    #[arg(long)]
    rate: Option<f64>,
}

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    /// How long answers took after the beginning.
    took: Vec<Duration>,
    answers: usize,
    failures: usize,
}

/// Where and when one connection asks.
struct Course {
    server: Server,
    heads: Arc<Vec<String>>,
    number: usize,
    connections: usize,
    length: Duration,
    /// Between two of this connection's requests.
    apart: Option<Duration>,
}

impl Load {
    pub(crate) fn run(&self) {
        let heads = Arc::new(heads(&self.requests));
        assert!(!heads.is_empty(), "there is something to ask");
        let apart = self.rate.map(|rate| {
            let connections = u32::try_from(self.connections).expect("not that many");
            Duration::from_secs_f64(1.0 / rate) * connections
        });
        let courses = (0..self.connections).map(|number| Course {
            server: Server::new(self.to, self.authority.as_deref()),
            heads: Arc::clone(&heads),
            number,
            connections: self.connections,
            length: Duration::from_secs_f64(self.seconds),
            apart,
        });
        let seen = if apart.is_some() {
            in_time(courses)
        } else {
            at_once(courses)
        };
        tell(&summary(seen, self.seconds));
    }
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread can always be made")
}

/// A thread each, which sleeps more exactly than a runtime does. Nobody asks before all connections
/// are open, which is told: what they cost is not what requests cost.
fn in_time(courses: impl ExactSizeIterator<Item = Course>) -> Vec<Seen> {
    let open = Arc::new(Barrier::new(courses.len() + 1));
    let threads = courses.map(|course| {
        let open = Arc::clone(&open);
        thread::spawn(move || course.go_in_time(&open))
    });
    let threads: Vec<_> = threads.collect();
    open.wait();
    tell("begun");
    let seen = threads.into_iter().map(thread::JoinHandle::join);
    seen.map(|seen| seen.expect("every answer came")).collect()
}

/// All on one thread, which leaves the most of its core to the origin.
fn at_once(courses: impl Iterator<Item = Course>) -> Vec<Seen> {
    runtime().block_on(async {
        let mut open = Vec::new();
        for course in courses {
            let wire = course.server.connect().await;
            open.push((course, wire));
        }
        tell("begun");
        let begun = Instant::now();
        let tasks = open
            .into_iter()
            .map(|(course, wire)| tokio::spawn(course.go_at_once(wire, begun)));
        let mut seen = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            seen.push(task.await.expect("every answer came"));
        }
        seen
    })
}

impl Course {
    fn go_in_time(self, open: &Barrier) -> Seen {
        let apart = self.apart.expect("there is a rate");
        let runtime = runtime();
        let mut wire = runtime.block_on(self.server.connect());
        open.wait();
        let begun = Instant::now();
        let mut seen = Seen::default();
        let share = u32::try_from(self.number).expect("not that many");
        let of = u32::try_from(self.connections).expect("not that many");
        let mut due = begun + apart * share / of;
        for head in self.heads.iter().cycle().skip(self.first()) {
            if due >= begun + self.length {
                break;
            }
            sleep_until(due);
            let answer = runtime.block_on(wire.ask(head));
            seen.note(answer.status, due.elapsed(), due >= self.warm(begun));
            due += apart;
        }
        seen
    }

    async fn go_at_once(self, mut wire: Wire, begun: Instant) -> Seen {
        let mut seen = Seen::default();
        for head in self.heads.iter().cycle().skip(self.first()) {
            let asked = Instant::now();
            if asked >= begun + self.length {
                break;
            }
            let answer = wire.ask(head).await;
            seen.note(answer.status, asked.elapsed(), asked >= self.warm(begun));
        }
        seen
    }

    /// No two connections ask the same at the same time.
    fn first(&self) -> usize {
        self.heads.len() / self.connections * self.number
    }

    fn warm(&self, begun: Instant) -> Instant {
        begun + self.length / WARM
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread is one connection's own, and timers of a runtime are a millisecond apart"
)]
fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

impl Seen {
    fn note(&mut self, status: u16, took: Duration, counts: bool) {
        self.answers += 1;
        self.failures += usize::from(status != 200);
        if counts {
            self.took.push(took);
        }
    }
}

fn tell(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads");
}

/// One line of JSON; times in microseconds.
fn summary(seen: Vec<Seen>, seconds: f64) -> String {
    let answers: usize = seen.iter().map(|one| one.answers).sum();
    let failures: usize = seen.iter().map(|one| one.failures).sum();
    let mut took: Vec<Duration> = seen.into_iter().flat_map(|one| one.took).collect();
    took.sort_unstable();
    let at = |percent: usize| {
        let place = took.len().saturating_sub(1) * percent / 100;
        took.get(place).map(Duration::as_micros)
    };
    let summary = json!({
        "answers": answers, "failures": failures, "seconds": seconds, "p50": at(50), "p99": at(99),
    });
    summary.to_string()
}
