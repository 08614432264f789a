//! Calls to services of the store's own, over HTTP/1.1 and TLS: one pool of connections for each
//! origin, a deadline on everything, and never more of an answer than was asked for.
//!
//! It follows no redirect, asks no proxy, keeps no cookie and unpacks nothing. A call is repeated by
//! itself only where it cannot have been received.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::ring;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};

use crate::ports::{Entropy, Names};
use names::Resolver;

pub mod kept;
pub mod names;
pub mod recent;
pub mod remote;
pub mod source;
#[cfg(test)]
mod tests;

/// How long an unused connection is kept: less than the 5 s after which Node's servers close
/// theirs, so that a call seldom meets a connection that is just being closed.
const KEEP: Duration = Duration::from_secs(4);
/// Unused connections that are kept for one origin.
const KEPT: usize = 32;
/// How long new calls go over connections of one pool. Names are looked up for each new connection.
const RENEW: Duration = Duration::from_mins(1);
/// The longest head of an answer, in bytes.
const HEAD: usize = 64 * 1024;
/// How long a connection may take to be made, whatever time the call has.
const CONNECT: Duration = Duration::from_secs(1);
/// How often a call is made again that cannot have been received.
const AGAIN: u32 = 1;
/// The pause before a call is made again, and what chance adds to it, in milliseconds.
const PAUSE: (u64, u64) = (20, 60);

/// What a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// When it is over, from the first connection to the last byte.
    pub deadline: Instant,
    /// The longest answer, in bytes.
    pub reply_bytes: usize,
    /// How often it may be made again although it may have been received: after a lost connection
    /// and after a status of 500 or more.
    pub retries: u32,
}

/// One call. Made again, it is the same, byte for byte.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Where to, absolute.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What came back, whatever its status.
#[derive(Clone, Debug)]
pub struct Told {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why nothing came back. Texts are of the system and of libraries, and hold nothing of the call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OutboundError {
    /// No connection could be made: the call was not received.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The connection was lost: the call may have been received.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The deadline has passed.
    #[error("no answer in time")]
    Late,
    /// The answer is longer than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is packed, which was not asked for.
    #[error("the answer has a content coding, and none was asked for")]
    Packed,
}

/// Whether services are called by https too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Yes: certificates count that the system's own authorities vouch for.
    System,
    /// No service is.
    Unused,
}

type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// Connections, and since when they are made.
#[derive(Debug)]
struct Pool {
    client: Client<Connector, Full<Bytes>>,
    since: Instant,
}

/// Calls services.
#[derive(Debug)]
pub struct Outbound {
    connector: Connector,
    pool: ArcSwap<Pool>,
    /// The age of a pool past which new calls go over a new one.
    renew: Duration,
    entropy: Arc<dyn Entropy>,
}

impl Outbound {
    /// A client without any connection yet. Fails where the system has no certificates of
    /// authorities and they are needed.
    pub fn new(
        tls: Tls,
        names: Arc<dyn Names>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, std::io::Error> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(names));
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.enforce_http(false);
        let provider = ring::default_provider();
        let https = HttpsConnectorBuilder::new();
        let https = match tls {
            Tls::System => https.with_provider_and_native_roots(provider)?,
            Tls::Unused => https.with_tls_config(trusting_nobody(provider)?),
        };
        let connector = https.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self {
            pool: ArcSwap::from_pointee(Pool::new(&connector)),
            connector,
            renew: RENEW,
            entropy,
        })
    }

    /// The connections for a new call. Those of an old pool end with the calls that use them: a name
    /// that moved is found at its new place, however busy the connections to the old one are.
    fn pool(&self) -> Arc<Pool> {
        let pool = self.pool.load_full();
        if pool.since.elapsed() < self.renew {
            return pool;
        }
        let renewed = Arc::new(Pool::new(&self.connector));
        self.pool.store(Arc::clone(&renewed));
        renewed
    }

    /// Makes a call.
    pub async fn send(&self, ask: &Ask, allowance: Allowance) -> Result<Told, OutboundError> {
        let (mut again, mut retries) = (AGAIN, allowance.retries);
        loop {
            let told = timeout_at(allowance.deadline, self.once(ask, allowance.reply_bytes));
            let told = told.await.unwrap_or(Err(OutboundError::Late));
            let left = match &told {
                Err(OutboundError::Unreachable(_)) => &mut again,
                Err(OutboundError::Lost(_)) => &mut retries,
                // One that says when to come back is not called before.
                Ok(told)
                    if told.status.is_server_error() && !told.headers.contains_key(RETRY_AFTER) =>
                {
                    &mut retries
                }
                _ => return told,
            };
            let pause = self.pause();
            if *left == 0 || Instant::now() + pause >= allowance.deadline {
                return told;
            }
            *left -= 1;
            sleep(pause).await;
        }
    }

    async fn once(&self, ask: &Ask, most: usize) -> Result<Told, OutboundError> {
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = ask.uri.clone();
        *request.headers_mut() = ask.headers.clone();
        let response = self.pool().client.request(request).await.map_err(|error| {
            if error.is_connect() {
                OutboundError::Unreachable(root_cause(&error))
            } else {
                OutboundError::Lost(root_cause(&error))
            }
        })?;
        let (head, body) = response.into_parts();
        if packed(&head.headers) {
            return Err(OutboundError::Packed);
        }
        let body = whole(body, most).await?;
        Ok(Told {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn pause(&self) -> Duration {
        let (least, most_added) = PAUSE;
        let chance = u64::try_from(self.entropy.bits() >> 64).unwrap_or(0);
        Duration::from_millis(least + chance % most_added)
    }
}

impl Pool {
    fn new(connector: &Connector) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP)
            .pool_max_idle_per_host(KEPT)
            .http1_max_buf_size(HEAD)
            .build(connector.clone());
        Self {
            client,
            since: Instant::now(),
        }
    }
}

/// For a client that makes no TLS connection: should it try, it trusts no certificate.
fn trusting_nobody(
    provider: rustls::crypto::CryptoProvider,
) -> Result<ClientConfig, std::io::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?;
    Ok(config
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

fn packed(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    codings
        .into_iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Reads a body to its end, or stops where it is longer than allowed.
async fn whole(mut body: Incoming, most: usize) -> Result<Bytes, OutboundError> {
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(OutboundError::TooLong(most));
    }
    let mut text = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| OutboundError::Lost(root_cause(&error)))?;
        let Ok(part) = frame.into_data() else {
            continue;
        };
        if text.len() + part.len() > most {
            return Err(OutboundError::TooLong(most));
        }
        text.extend_from_slice(&part);
    }
    Ok(text.freeze())
}

/// The cause at the bottom: those above say no more than "client error".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
