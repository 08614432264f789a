//! Finding the server that takes writes, and connecting to it.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, cmd};
use tokio::time::timeout;

use super::link::Wire;
use super::settings::{Address, Mode, Settings};

/// How long a connection may take to be made: it happens beside the requests.
const CONNECT: Duration = Duration::from_secs(1);

/// A connection to whatever takes writes.
pub(super) async fn connect(settings: &Settings) -> RedisResult<Wire> {
    let connecting = async {
        match &settings.mode {
            Mode::Single | Mode::Sentinel { .. } => {
                let address = master(settings).await?;
                server(settings, &address).await
            }
            Mode::Cluster => Box::pin(cluster(settings)).await,
        }
    };
    // Any of several addresses may be one where nobody answers.
    let addresses = u32::try_from(settings.addresses.len()).unwrap_or(u32::MAX);
    in_time(
        CONNECT.saturating_mul(addresses.saturating_add(2)),
        connecting,
    )
    .await
}

/// The address of the one server that takes writes.
pub(super) async fn master(settings: &Settings) -> RedisResult<Address> {
    match &settings.mode {
        Mode::Sentinel { master } => ask_sentinels(settings, master).await,
        Mode::Single | Mode::Cluster => {
            let first = settings.addresses.first().cloned();
            first.ok_or_else(|| refused("no address"))
        }
    }
}

pub(super) fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        // The deadline is kept by whoever asks.
        .set_response_timeout(None)
}

/// A connection to one server. Boxed, since making one takes a lot of state.
pub(super) async fn connection(
    client: &Client,
    config: AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    Box::pin(async move {
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    })
    .await
}

async fn server(settings: &Settings, address: &Address) -> RedisResult<Wire> {
    let client = settings.client(settings.server(address)?)?;
    let mut connection = connection(&client, config()).await?;
    // A server that hangs takes connections and says nothing.
    let greeted = async {
        if !matches!(settings.mode, Mode::Sentinel { .. }) {
            return cmd("PING").query_async(&mut connection).await;
        }
        let role: redis::Value = cmd("ROLE").query_async(&mut connection).await?;
        if is_master(&role) {
            return Ok(());
        }
        Err(refused("the Sentinels name a server that is no master"))
    };
    in_time(CONNECT, greeted).await?;
    Ok(Wire::Server(connection))
}

fn is_master(role: &redis::Value) -> bool {
    let redis::Value::Array(parts) = role else {
        return false;
    };
    matches!(parts.first(), Some(redis::Value::BulkString(role)) if role == b"master")
}

async fn ask_sentinels(settings: &Settings, master: &str) -> RedisResult<Address> {
    let mut why = refused("no Sentinel is configured");
    for address in &settings.addresses {
        let asked = async {
            let client = settings.client(settings.sentinel(address)?)?;
            let mut connection = connection(&client, config()).await?;
            cmd("SENTINEL")
                .arg("GET-MASTER-ADDR-BY-NAME")
                .arg(master)
                .query_async::<Option<Address>>(&mut connection)
                .await
        };
        match in_time(CONNECT, asked).await {
            Ok(Some(address)) => return Ok(address),
            Ok(None) => why = refused("the Sentinels know no master of this name"),
            Err(error) => why = error,
        }
    }
    Err(why)
}

async fn cluster(settings: &Settings) -> RedisResult<Wire> {
    let nodes: Vec<_> = settings
        .addresses
        .iter()
        .map(|address| settings.server(address))
        .collect::<RedisResult<_>>()?;
    let mut builder = ClusterClientBuilder::new(nodes)
        .connection_timeout(CONNECT)
        .response_timeout(CONNECT)
        // Moved slots are followed at once; the deadline ends it all.
        .retries(8)
        .min_retry_wait(5)
        .max_retry_wait(50);
    if let Some(certificates) = settings.certificates() {
        builder = builder.certs(certificates);
    }
    Ok(Wire::Cluster(
        builder.build()?.get_async_connection().await?,
    ))
}

/// The same with an end.
pub(super) async fn in_time<T>(
    most: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    timeout(most, work)
        .await
        .unwrap_or_else(|_| Err(refused("no connection in time")))
}

pub(super) fn refused(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, why))
}
