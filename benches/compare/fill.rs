//! A store full of sessions, each made by a first visit through the proxy, as shoppers make them.
//! The cookies of those who are logged in are kept: the loader comes back with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use parking_lot::Mutex;
use tokio::runtime::Builder;

use super::wire::{Answer, Server, Wire, heads};

/// The cookies that a first visit gives.
const GIVEN: usize = 2;

#[derive(Debug, Args)]
pub(crate) struct Fill {
    #[arg(long)]
    to: SocketAddr,
    /// How many sessions in all.
    #[arg(long)]
    sessions: usize,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// The request of an anonymous visitor, with `{number}` where visitors differ.
    #[arg(long)]
    visitor: PathBuf,
    /// First requests of shoppers who are logged in.
    #[arg(long)]
    shoppers: PathBuf,
    /// Where the shoppers' later requests are written.
    #[arg(long)]
    out: PathBuf,
}

/// All visits that are to be made; they are taken one by one.
struct Visits {
    next: AtomicUsize,
    sessions: usize,
    visitor: String,
    /// They come at even distances among the visitors.
    shoppers: Vec<String>,
    /// What they ask later, by their places in the line.
    later: Mutex<BTreeMap<usize, String>>,
}

impl Fill {
    pub(crate) fn run(&self) {
        let visits = Arc::new(Visits {
            next: AtomicUsize::new(0),
            sessions: self.sessions,
            visitor: fs::read_to_string(&self.visitor).expect("a visitor's request is a text"),
            shoppers: heads(&self.shoppers),
            later: Mutex::default(),
        });
        let server = Server::new(self.to, None);
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime of one thread can always be made");
        runtime.block_on(async {
            let visitors = (0..self.connections).map(|_| {
                let (visits, server) = (Arc::clone(&visits), server.clone());
                tokio::spawn(async move { visits.make(server.connect().await).await })
            });
            for visitor in visitors.collect::<Vec<_>>() {
                visitor.await.expect("every visit gives a session");
            }
        });
        let later = visits.later.lock();
        assert_eq!(later.len(), visits.shoppers.len(), "every shopper has been");
        let later: String = later.values().map(String::as_str).collect();
        fs::write(&self.out, later).expect("there is room for the requests");
    }
}

impl Visits {
    async fn make(&self, mut wire: Wire) {
        let apart = self.sessions / self.shoppers.len().max(1);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.sessions {
                return;
            }
            let shopper = number.is_multiple_of(apart).then(|| number / apart);
            let request = shopper.and_then(|shopper| self.shoppers.get(shopper));
            if let Some(request) = request {
                let answer = wire.ask(request).await;
                let later = again(request, &answer);
                self.later.lock().insert(number, later);
            } else {
                let request = self.visitor.replace("{number}", &number.to_string());
                let answer = wire.ask(&request).await;
                assert_eq!(given(&answer), GIVEN, "{}", answer.status);
            }
        }
    }
}

fn given(answer: &Answer) -> usize {
    answer.cookies().count()
}

/// The same request with the cookies that the first one brought.
fn again(request: &str, answer: &Answer) -> String {
    assert_eq!(given(answer), GIVEN, "{}", answer.status);
    let mut again = request.trim_end().to_owned();
    for cookie in answer.cookies() {
        write!(again, "; {cookie}").expect("a string takes all");
    }
    again.push_str("\r\n\r\n");
    again
}
