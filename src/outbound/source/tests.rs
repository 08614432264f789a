//! Manners of calls, against a server on a real socket and with the time in the test's hands.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::State;
use axum::response::Response;

use super::*;
use crate::domain::time::Millis;
use crate::outbound::Tls;
use crate::outbound::names::SystemNames;
use crate::telemetry::Telemetry;

#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug)]
struct NoChance;

impl Entropy for NoChance {
    fn bits(&self) -> u128 {
        0
    }
}

/// Status, headers and body of an answer.
type Said = (u16, Vec<(&'static str, String)>, &'static str);

#[derive(Clone, Default)]
struct Script(Arc<Mutex<(VecDeque<Said>, usize)>>);

struct Rig {
    source: Source,
    script: Script,
    clock: Arc<Hand>,
    telemetry: Telemetry,
    address: SocketAddr,
}

const JSON_KIND: (&str, &str) = ("content-type", "application/json; charset=utf-8");

impl Rig {
    async fn new(manners: Manners) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Script::default();
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let telemetry = Telemetry::new();
        let clock = Arc::new(Hand::default());
        let time: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        let outbound =
            Outbound::new(Tls::Unused, Arc::new(SystemNames), Arc::new(NoChance)).unwrap();
        let world = World {
            outbound: Arc::new(outbound),
            clock: time,
            entropy: Arc::new(NoChance),
            metrics: telemetry.sources().clone(),
        };
        let places = Arc::new(Semaphore::new(manners.concurrency));
        Self {
            source: Source::new("channels", "shop".into(), manners, places, world),
            script,
            clock,
            telemetry,
            address,
        }
    }

    fn says(&self, status: u16, headers: &[(&'static str, &str)], body: &'static str) {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let said = (status, headers.collect(), body);
        self.script.0.lock().0.push_back(said);
    }

    async fn ask(&self) -> Result<Vec<u32>, SourceError> {
        let uri = format!("http://{}/a?email=x%40y.z", self.address);
        self.source
            .get(uri.parse().unwrap(), &HeaderMap::new())
            .await
    }

    /// Calls that came, as the server counts.
    fn calls(&self) -> usize {
        self.script.0.lock().1
    }

    fn counted(&self, outcome: &str) -> bool {
        let line = format!(
            r#"vestibule_source_calls_total{{account="shop",outcome="{outcome}",source="channels"}} 1"#
        );
        self.telemetry.render().contains(&line)
    }
}

async fn answer(State(script): State<Script>) -> Response {
    let said = {
        let mut script = script.0.lock();
        script.1 += 1;
        script.0.pop_front()
    };
    let Some((status, headers, body)) = said else {
        std::future::pending::<()>().await;
        unreachable!()
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.into()).unwrap()
}

fn manners() -> Manners {
    Manners {
        // Generous: the machine may be busy, and nothing here waits for it.
        timeout: Duration::from_mins(1),
        retries: 0,
        concurrency: 4,
        reply_bytes: 1024,
        breaker: BreakerSettings {
            failures: 2,
            cool_down: Duration::from_secs(10),
        },
    }
}

#[tokio::test]
async fn an_answer_is_read_and_what_is_none_is_told_by_its_kind() {
    for (status, kind, body, expected) in [
        (200, JSON_KIND.1, "[1,2]", Ok(vec![1, 2])),
        (206, "application/vnd.vtex+json", "[]", Ok(vec![])),
        (
            200,
            "text/html",
            "<html>",
            Err("its answer is no answer: text/html, not JSON"),
        ),
        (
            200,
            JSON_KIND.1,
            "[1,",
            Err("its answer is no answer: no JSON (line 1, column 3)"),
        ),
        (
            200,
            JSON_KIND.1,
            "{\"a\":1}",
            Err("its answer is no answer: JSON of another shape (line 1, column 0)"),
        ),
        (204, JSON_KIND.1, "", Err("it answered 204 No Content")),
        (302, JSON_KIND.1, "", Err("it answered 302 Found")),
        (403, JSON_KIND.1, "", Err("it answered 403 Forbidden")),
        (
            500,
            JSON_KIND.1,
            "",
            Err("it answered 500 Internal Server Error"),
        ),
    ] {
        let rig = Rig::new(manners()).await;
        rig.says(status, &[("content-type", kind)], body);
        let told = rig.ask().await.map_err(|error| error.to_string());
        assert_eq!(
            told,
            expected.map_err(str::to_owned),
            "{status} {kind} {body}"
        );
    }
}

#[tokio::test]
async fn a_source_that_says_when_to_come_back_is_called_then_and_not_before() {
    // The second one is a date, as of a clock that stands at 10 s after the epoch.
    for (status, after) in [
        (429, "7"),
        (503, "Thu, 01 Jan 1970 00:00:17 GMT"),
        (429, "soon"),
    ] {
        let rig = Rig::new(Manners {
            retries: 3,
            ..manners()
        })
        .await;
        rig.clock.0.store(10, Ordering::SeqCst);
        rig.says(status, &[("retry-after", after)], "");
        assert!(
            matches!(rig.ask().await, Err(SourceError::Status(_))),
            "{after}"
        );
        assert!(
            matches!(rig.ask().await, Err(SourceError::Waiting(_))),
            "{after}"
        );
        assert_eq!(rig.calls(), 1, "{after}: neither repeated nor called again");
        assert!(
            rig.counted("unavailable") && rig.counted("waiting"),
            "{after}"
        );
        rig.clock.0.store(17, Ordering::SeqCst);
        rig.says(200, &[JSON_KIND], "[]");
        assert_eq!(rig.ask().await, Ok(vec![]), "{after}");
    }
}

#[tokio::test]
async fn only_calls_that_change_nothing_are_made_again() {
    let rig = Rig::new(Manners {
        retries: 1,
        ..manners()
    })
    .await;
    rig.says(500, &[], "");
    rig.says(200, &[JSON_KIND], "[1]");
    assert_eq!(rig.ask().await, Ok(vec![1]));
    assert_eq!(rig.calls(), 2);
    rig.says(500, &[], "");
    let post = Ask {
        method: Method::POST,
        uri: format!("http://{}/a", rig.address).parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    };
    assert!(rig.source.send(post).await.is_err());
    assert_eq!(rig.calls(), 3);
}

#[tokio::test]
async fn a_source_that_fails_in_a_row_is_left_alone_and_tried_again() {
    let rig = Rig::new(manners()).await;
    for _ in 0..2 {
        rig.says(500, &[], "");
        assert!(rig.ask().await.is_err());
    }
    assert!(matches!(rig.ask().await, Err(SourceError::LeftAlone(_))));
    assert_eq!(rig.calls(), 2);
    let open = r#"vestibule_source_breaker_state{account="shop",source="channels"} 2"#;
    assert!(rig.telemetry.render().contains(open));
    rig.clock.0.store(10, Ordering::SeqCst);
    rig.says(200, &[JSON_KIND], "[]");
    assert_eq!(rig.ask().await, Ok(vec![]));
}

#[tokio::test]
async fn refusals_and_nonsense_do_not_cut_everybody_off() {
    let rig = Rig::new(manners()).await;
    for _ in 0..5 {
        rig.says(400, &[JSON_KIND], "{}");
        assert!(rig.ask().await.is_err());
        rig.says(200, &[("content-type", "text/html")], "<html>");
        assert!(rig.ask().await.is_err());
    }
    assert_eq!(rig.calls(), 10);
}

#[tokio::test]
async fn a_slow_source_costs_the_timeout_and_no_more() {
    let rig = Rig::new(Manners {
        timeout: Duration::from_millis(50),
        ..manners()
    })
    .await;
    assert_eq!(rig.ask().await, Err(SourceError::Call(OutboundError::Late)));
    assert!(rig.counted("timeout"));
}

#[tokio::test]
async fn calls_past_the_bound_fail_at_once() {
    let rig = Arc::new(
        Rig::new(Manners {
            concurrency: 1,
            ..manners()
        })
        .await,
    );
    let first = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.ask().await }
    });
    while rig.calls() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.ask().await, Err(SourceError::Busy(1)));
    assert!(rig.counted("busy"));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(rig.counted("timeout"), "whoever gave up is counted");
    rig.says(200, &[JSON_KIND], "[]");
    assert_eq!(rig.ask().await, Ok(vec![]), "its place is free again");
}
