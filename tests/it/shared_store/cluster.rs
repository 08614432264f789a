//! Three nodes that share the sessions out among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vestibule::ports::SessionStore;
use vestibule::store::valkey::{Mode, Settings};

use super::secured::as_documented_user;
use super::{KEEP, anonymous, id, live, next};
use crate::store_contract::suite;
use crate::support::valkey::{Instance, Server, eventually};

const SLOTS: [(u16, u16); 3] = [(0, 5461), (5462, 10922), (10923, 16383)];

struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    async fn start() -> Self {
        let nodes: Vec<Server> = SLOTS.iter().map(|_| Server::node()).collect();
        for (node, (first, last)) in nodes.iter().zip(SLOTS) {
            let range = [first.to_string(), last.to_string()];
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
        }
        let (first, others) = nodes.split_first().unwrap();
        for other in others {
            let (port, bus) = (other.port.to_string(), other.option("--cluster-port"));
            first.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        }
        for node in &nodes {
            eventually("the cluster is whole", async || {
                let info = node.text(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
            .await;
        }
        Self { nodes }
    }

    fn settings(&self, prefix: &str) -> Settings {
        let first = self.nodes.first().unwrap();
        Settings {
            mode: Mode::Cluster,
            key_prefix: prefix.to_owned(),
            ..first.settings()
        }
    }

    /// Moves a session's slot to another node; something goes on `between` the steps.
    async fn move_session(&self, bits: u128, between: impl AsyncFn()) {
        let key = format!("vst:s:{{{bits:032x}}}");
        let slot = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", &key]);
        let slot: u16 = redis::from_redis_value(slot).unwrap();
        let from = Self::of(slot);
        let (source, target) = (&self.nodes[from], &self.nodes[(from + 1) % SLOTS.len()]);
        let source_id = source.text(&["CLUSTER", "MYID"]);
        let target_id = target.text(&["CLUSTER", "MYID"]);
        let slot = slot.to_string();
        target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id]);
        source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id]);
        between().await;
        let port = target.port.to_string();
        source.ask(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
        // Moved, and not said to be: the source passes askers on.
        between().await;
        for node in [target, source] {
            node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &target_id]);
        }
    }

    /// The node that has a slot.
    fn of(slot: u16) -> usize {
        SLOTS.iter().position(|(_, last)| slot <= *last).unwrap()
    }
}

#[tokio::test]
async fn a_cluster_keeps_every_promise_of_a_store() {
    let cluster = Cluster::start().await;
    macro_rules! keeps {
        ($($promise:ident)+) => {
            $(
                let instance = Instance::new(cluster.settings(stringify!($promise)));
                suite::$promise(&instance.store).await;
            )+
        };
    }
    keeps!(
        what_was_created_is_loaded_whole
        creating_never_overwrites_whatever_is_there
        a_save_counts_only_on_the_version_that_is_kept
        a_save_never_sets_cookie_and_activity_back
        a_cookie_is_noted_only_on_a_live_session
        activity_moves_forwards_alone
        a_rotation_leaves_its_marker_and_a_late_write_finds_nothing
        a_session_ends_once_and_its_tombstone_says_why
        a_login_opens_once_and_ends_once
        a_login_that_nobody_opened_cannot_end
        a_session_knows_of_the_end_of_its_logins
        a_login_is_forgotten_at_its_tokens_end
        a_record_that_outlived_itself_is_gone
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_slot_moves_to_another_node_no_call_fails_and_changes_are_heard() {
    let cluster = Cluster::start().await;
    let nodes: Vec<&Server> = cluster.nodes.iter().collect();
    let settings = as_documented_user(&nodes, cluster.settings("vst"));
    let one = Arc::new(Instance::hearing(settings.clone()).await);
    let other = Instance::hearing(settings).await;
    // On each node, so that each has something to tell.
    for bits in 1..=12 {
        one.store.create(anonymous(bits), KEEP).await.unwrap();
        live(&other.store, bits).await;
    }
    let (done, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let writing = {
        let (one, done, over) = (Arc::clone(&one), Arc::clone(&done), Arc::clone(&over));
        tokio::spawn(async move {
            let mut sessions: Vec<_> = (1..=12).map(anonymous).collect();
            while !over.load(Ordering::SeqCst) {
                for session in &mut sessions {
                    let saved = one.store.save(next(session), session.version, KEEP).await;
                    assert!(saved.unwrap().is_some(), "nobody else writes");
                    *session = next(session);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            }
            sessions[0].version
        })
    };
    let written = async |more: u64| {
        let before = done.load(Ordering::SeqCst);
        eventually("writes go on", async || {
            done.load(Ordering::SeqCst) > before + more
        })
        .await;
    };
    written(24).await;
    cluster.move_session(1, async || written(24).await).await;
    written(24).await;
    over.store(true, Ordering::SeqCst);
    let version = writing.await.unwrap();
    eventually("the last change is seen", async || {
        live(&other.store, 1).await.session().version == version
    })
    .await;
    assert!(other.store.load(id(1)).await.is_ok());
}
