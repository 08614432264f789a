//! Shoppers, pages, calls, logins and logouts for ten minutes, while the configuration is read
//! again, the store pauses and servers of the shop die: every answer that is no good one has its
//! reason, and the program is no larger at the end than at the beginning.
//!
//! `VESTIBULE_LOAD_SECONDS` makes it shorter or longer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::support::program::{Running, run_instance_before};
use crate::support::valkey::Server;
use crate::support::{Client, Demo};

const USUAL: Duration = Duration::from_mins(10);
const SHOPPERS: usize = 16;
/// Something happens this often: a reload, a pause of the store, the death of a server.
const TROUBLE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(700);
/// Longer than anybody waits for the store.
const STORE_PAUSE: Duration = Duration::from_secs(6);
/// After a trouble its effects may show for so long.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// How long anything may take before it counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(20);

/// One of the shop's servers, as far as anybody sees: a way to the storefront that can be cut.
struct Gate {
    port: u16,
    open: watch::Sender<bool>,
}

impl Gate {
    async fn before(storefront: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, seen) = watch::channel(true);
        tokio::spawn(async move {
            let mut listener = Some(listener);
            let mut seen = seen;
            loop {
                if !*seen.borrow_and_update() {
                    // Closed as by a death: whoever comes is refused.
                    listener = None;
                    if seen.changed().await.is_err() {
                        return;
                    }
                    continue;
                }
                if listener.is_none() {
                    listener = TcpListener::bind(("127.0.0.1", port)).await.ok();
                }
                let Some(listening) = &listener else {
                    tokio::task::yield_now().await;
                    continue;
                };
                tokio::select! {
                    changed = seen.changed() => if changed.is_err() { return },
                    accepted = listening.accept() => {
                        let (mut client, _) = accepted.unwrap();
                        let mut seen = seen.clone();
                        tokio::spawn(async move {
                            let Ok(mut server) = TcpStream::connect(("127.0.0.1", storefront)).await else {
                                return;
                            };
                            tokio::select! {
                                _ = copy_bidirectional(&mut client, &mut server) => {}
                                _ = seen.wait_for(|open| !open) => {}
                            }
                        });
                    }
                }
            }
        });
        Self { port, open }
    }
}

/// What is wrong just now, or was a moment ago.
#[derive(Default)]
struct Troubles(Mutex<BTreeMap<&'static str, Instant>>);

impl Troubles {
    fn begin(&self, name: &'static str) {
        self.0.lock().insert(name, Instant::now());
    }

    fn explains(&self, name: &str, begun: Instant) -> bool {
        let since = self.0.lock().get(name).copied();
        since.is_some_and(|since| begun < since + AFTERWARDS && since < Instant::now())
    }
}

#[derive(Default)]
struct Account {
    requests: AtomicUsize,
    by_cause: Mutex<BTreeMap<String, usize>>,
    unexplained: Mutex<Vec<String>>,
}

impl Account {
    fn note(&self, troubles: &Troubles, asked: (&str, Instant), status: Option<u16>) {
        let (asked, begun) = asked;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let cause = match status {
            Some(200..=399) => return,
            // A server of the shop died with the request, which is not asked twice where it changes
            // something.
            Some(502 | 504) if troubles.explains("server", begun) => "a server of the shop died",
            Some(503) if troubles.explains("store", begun) => "the store paused",
            Some(429) => "too many new sessions of one client",
            _ => {
                let said = format!("{asked}: {status:?}");
                return self.unexplained.lock().push(said);
            }
        };
        let name = format!("{} {cause}", status.unwrap_or(0));
        *self.by_cause.lock().entry(name).or_default() += 1;
    }
}

impl Account {
    /// Prints what there was, and holds it against what there may be.
    fn tell(&self, running: &Running, before: (usize, usize)) {
        let after = size_of(running);
        let requests = self.requests.load(Ordering::Relaxed);
        println!(
            "{requests} requests; {:?}; memory {} -> {} kB, open files {} -> {}",
            self.by_cause.lock(),
            before.0,
            after.0,
            before.1,
            after.1,
        );
        let unexplained = self.unexplained.lock();
        assert!(unexplained.is_empty(), "{unexplained:?}\n{}", running.log());
        assert!(requests > 100);
        let grown = after.0.saturating_sub(before.0);
        assert!(grown < before.0 / 4, "memory: {before:?}, {after:?}");
        let opened = after.1.saturating_sub(before.1);
        assert!(opened < SHOPPERS * 4, "files: {before:?}, {after:?}");
    }
}

/// Pages, calls, a login and a logout, again and again.
async fn shop_on(mut client: Client, number: usize, world: Arc<(Troubles, Account, AtomicBool)>) {
    let (troubles, account, over) = &*world;
    let fresh = client.clone();
    let mut turn = number;
    while !over.load(Ordering::Relaxed) {
        turn += 1;
        let (begun, campaign) = (Instant::now(), turn % 40);
        let (asked, status) = match turn % 10 {
            0 => {
                client = fresh.clone();
                let target = format!("/?utm_source=mail&utm_campaign=c{campaign}");
                ("a first page", page(&mut client, &target).await)
            }
            3 => {
                let body = format!(r#"{{"public":{{"w{number}":{{"value":"{turn}"}}}}}}"#);
                let reply = client.call("PATCH", "/api/sessions", &body);
                let reply = timeout(PATIENCE, reply).await.ok().flatten();
                ("a write", reply.map(|reply| reply.status))
            }
            5 => {
                let fields = [("email", "ana@example.com"), ("return_to", "/")];
                let reply = timeout(PATIENCE, client.try_post("/login", &fields)).await;
                ("a login", reply.ok().flatten().map(|reply| reply.status))
            }
            9 => {
                let reply = timeout(PATIENCE, client.try_post("/logout", &[])).await;
                ("a logout", reply.ok().flatten().map(|reply| reply.status))
            }
            1 | 6 => {
                let target = "/api/sessions?items=store.channel,rnb.campaigns";
                let reply = client.call("GET", target, "");
                let reply = timeout(PATIENCE, reply).await.ok().flatten();
                ("a read", reply.map(|reply| reply.status))
            }
            _ => ("a page", page(&mut client, "/").await),
        };
        account.note(troubles, (asked, begun), status);
    }
}

async fn page(client: &mut Client, target: &str) -> Option<u16> {
    let reply = timeout(PATIENCE, client.try_get(target)).await;
    reply.ok().flatten().map(|reply| reply.status)
}

/// Kilobytes in memory, and open files, of a process.
fn size_of(running: &Running) -> (usize, usize) {
    let folder = format!("/proc/{}", running.pid());
    let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB").trim();
    let files = std::fs::read_dir(format!("{folder}/fd")).unwrap().count();
    (kilobytes.parse().unwrap(), files)
}

/// What goes wrong, and what is done meanwhile.
struct Disturbance {
    server: Server,
    gates: [Gate; 2],
    turn: usize,
}

impl Disturbance {
    async fn next(&mut self, running: &Running, troubles: &Troubles) {
        self.turn += 1;
        match self.turn % 3 {
            0 => {
                let file = running.folder().join("run.toml");
                let text = std::fs::read_to_string(&file).unwrap();
                std::fs::write(&file, format!("{text}# {}\n", self.turn)).unwrap();
                running.hang_up();
            }
            1 => {
                troubles.begin("store");
                self.server.freeze();
                tokio::time::sleep(STORE_PAUSE).await;
                self.server.thaw();
                troubles.begin("store");
            }
            _ => {
                let [one, other] = &self.gates;
                let gate = if self.turn.is_multiple_of(2) {
                    one
                } else {
                    other
                };
                troubles.begin("server");
                gate.open.send(false).unwrap();
                tokio::time::sleep(PAUSE).await;
                gate.open.send(true).unwrap();
                troubles.begin("server");
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it configures the test, not the program"
)]
fn length() -> Duration {
    let seconds = std::env::var("VESTIBULE_LOAD_SECONDS").ok();
    seconds.map_or(USUAL, |text| Duration::from_secs(text.parse().unwrap()))
}

#[ignore = "takes ten minutes"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_minutes_of_everything_at_once_leave_no_unexplained_error_and_nothing_behind() {
    let all = length();
    let (server, demo) = (Server::start(), Demo::start().await);
    let gates = [
        Gate::before(demo.storefront_port).await,
        Gate::before(demo.storefront_port).await,
    ];
    let servers = gates
        .each_ref()
        .map(|gate| format!("127.0.0.1:{}", gate.port));
    let servers = servers.join("\", \"");
    let (mut running, port) = run_instance_before(&demo, server.port, &servers).await;
    let world = Arc::<(Troubles, Account, AtomicBool)>::default();
    let mut shoppers = JoinSet::new();
    for number in 0..SHOPPERS {
        let client = Client::of(&demo).moved_to(port);
        shoppers.spawn(shop_on(client, number, Arc::clone(&world)));
    }
    let mut disturbance = Disturbance {
        server,
        gates,
        turn: 0,
    };
    let begun = Instant::now();
    let mut at_first = None;
    let mut ticks = interval(TROUBLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begun.elapsed() < all {
        ticks.tick().await;
        // By then everything has happened once.
        if begun.elapsed() > all / 4 {
            at_first.get_or_insert_with(|| size_of(&running));
        }
        disturbance.next(&running, &world.0).await;
    }
    world.2.store(true, Ordering::Relaxed);
    shoppers.join_all().await;
    world.1.tell(&running, at_first.unwrap());
    let log = running.log();
    assert!(running.stop().await.success(), "{log}");
}
