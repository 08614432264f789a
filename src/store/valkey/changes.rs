//! Hearing of what other instances change: a subscription, tried all the time, and made anew when
//! it is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ProtocolVersion, PushInfo, PushKind, RedisResult, Value, cmd};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Core;
use super::link::jittered;
use super::settings::{Address, Mode, Settings};
use super::target::{self, in_time};
use super::told;
use crate::ports::Changed;

/// How often a subscription is tried.
const PROBE: Duration = Duration::from_millis(300);
/// How long its answer is waited for. With [`PROBE`] less than the second within which a change
/// is to be seen.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long subscribing may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Between two attempts at subscribing.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a cluster is asked for its masters.
const LOOK: Duration = Duration::from_secs(1);

/// Whoever hears of changes.
pub(super) type Hear = Box<dyn Fn(Changed) + Send + Sync>;

/// Hears for ever.
pub(super) async fn listen(core: Arc<Core>, hear: Hear) {
    let hear: Arc<dyn Fn(Changed) + Send + Sync> = hear.into();
    let mut told = false;
    loop {
        match begin(&core).await {
            Ok(subscriptions) => {
                core.metrics.subscribed(true);
                told = false;
                // Whatever changed before is not told any more.
                hear(Changed::Everything);
                follow(&core, subscriptions, &hear).await;
                hear(Changed::Unheard);
                core.metrics.subscribed(false);
                tracing::warn!(
                    "Changes of other instances are not heard; sessions are read again after a second."
                );
            }
            Err(error) => {
                if !told {
                    tracing::debug!(%error, "There is no subscription yet.");
                }
                told = true;
                sleep(jittered(PAUSE, &*core.entropy)).await;
            }
        }
    }
}

/// A subscription at one server.
struct Subscription {
    connection: MultiplexedConnection,
    pushed: UnboundedReceiver<PushInfo>,
}

/// All of them: one, or one at each of a cluster's masters. A cluster passes messages on between
/// its nodes, but what is under way on a broken link is lost and nobody hears of that.
struct Subscriptions {
    at: Vec<Subscription>,
    masters: BTreeSet<Address>,
}

/// Subscribes, once what is dropped then can be read again.
async fn begin(core: &Core) -> RedisResult<Subscriptions> {
    let subscriptions = subscribe(&core.settings).await?;
    if core.link.answers().await {
        Ok(subscriptions)
    } else {
        Err(target::refused("the server takes no commands"))
    }
}

async fn subscribe(settings: &Settings) -> RedisResult<Subscriptions> {
    let masters = match settings.mode {
        Mode::Single | Mode::Sentinel { .. } => {
            let master = in_time(CONNECT, target::master(settings)).await?;
            BTreeSet::from([master])
        }
        Mode::Cluster => ask_nodes(settings).await?,
    };
    let mut at = Vec::with_capacity(masters.len());
    for master in &masters {
        at.push(in_time(CONNECT, subscribe_at(settings, master)).await?);
    }
    Ok(Subscriptions { at, masters })
}

async fn subscribe_at(settings: &Settings, address: &Address) -> RedisResult<Subscription> {
    let (sender, pushed) = unbounded_channel();
    let config = target::config().set_push_sender(sender);
    let info = settings.server(address)?;
    // Messages come between answers only in the newer protocol.
    let greeting = info.redis_settings().clone();
    let info = info.set_redis_settings(greeting.set_protocol(ProtocolVersion::RESP3));
    let mut connection = target::connection(&settings.client(info)?, config).await?;
    connection.subscribe(settings.channel()).await?;
    Ok(Subscription { connection, pushed })
}

/// Hears until any subscription is lost, or the masters are others.
async fn follow(
    core: &Arc<Core>,
    subscriptions: Subscriptions,
    hear: &Arc<dyn Fn(Changed) + Send + Sync>,
) {
    let mut following = JoinSet::new();
    for one in subscriptions.at {
        following.spawn(one.follow(core.instance.clone(), Arc::clone(hear)));
    }
    if matches!(core.settings.mode, Mode::Cluster) {
        following.spawn(look(Arc::clone(core), subscriptions.masters));
    }
    following.join_next().await;
}

impl Subscription {
    async fn follow(self, instance: String, hear: Arc<dyn Fn(Changed) + Send + Sync>) {
        let Self {
            connection,
            mut pushed,
        } = self;
        let alive = probe(connection);
        tokio::pin!(alive);
        loop {
            let push = tokio::select! {
                push = pushed.recv() => push,
                () = &mut alive => None,
            };
            match push {
                Some(PushInfo {
                    kind: PushKind::Message,
                    data,
                }) => {
                    if let Some(Value::BulkString(message)) = data.get(1)
                        && let Some(changed) = told::read(&instance, message)
                    {
                        hear(changed);
                    }
                }
                Some(push) if push.kind != PushKind::Disconnection => {}
                _ => return,
            }
        }
    }
}

/// Ends when the server does not answer. An answer comes after all that was told before it.
async fn probe(mut connection: MultiplexedConnection) {
    let ping = cmd("PING");
    loop {
        sleep(PROBE).await;
        let asked = ping.query_async::<Value>(&mut connection);
        if !matches!(timeout(PATIENCE, asked).await, Ok(Ok(_))) {
            return;
        }
    }
}

/// Ends when a cluster has other masters than these.
async fn look(core: Arc<Core>, masters: BTreeSet<Address>) {
    let mut ask = cmd("CLUSTER");
    ask.arg("SLOTS");
    loop {
        sleep(LOOK).await;
        let Ok(slots) = core.link.ask(&ask, core.deadline()).await else {
            continue;
        };
        // Without a host it is the one that was asked, whichever that was: it cannot be compared.
        if masters_of(&slots, None).is_some_and(|now| now != masters) {
            return;
        }
    }
}

async fn ask_nodes(settings: &Settings) -> RedisResult<BTreeSet<Address>> {
    let mut why = target::refused("no node is configured");
    for address in &settings.addresses {
        match in_time(CONNECT, ask_node(settings, address)).await {
            Ok(slots) => match masters_of(&slots, Some(&address.0)) {
                Some(masters) if !masters.is_empty() => return Ok(masters),
                _ => why = target::refused("the cluster has no slots"),
            },
            Err(error) => why = error,
        }
    }
    Err(why)
}

async fn ask_node(settings: &Settings, address: &Address) -> RedisResult<Value> {
    let client = settings.client(settings.server(address)?)?;
    let mut connection = target::connection(&client, target::config()).await?;
    cmd("CLUSTER")
        .arg("SLOTS")
        .query_async(&mut connection)
        .await
}

/// The masters in the answer to `CLUSTER SLOTS`.
fn masters_of(slots: &Value, asked: Option<&str>) -> Option<BTreeSet<Address>> {
    let Value::Array(ranges) = slots else {
        return None;
    };
    ranges
        .iter()
        .map(|range| {
            let Value::Array(range) = range else {
                return None;
            };
            let Some(Value::Array(node)) = range.get(2) else {
                return None;
            };
            let host = match node.first()? {
                Value::BulkString(host) if !host.is_empty() => {
                    String::from_utf8(host.clone()).ok()?
                }
                _ => asked?.to_owned(),
            };
            let Value::Int(port) = node.get(1)? else {
                return None;
            };
            Some((host, u16::try_from(*port).ok()?))
        })
        .collect()
}
