//! Where the server is, and how it is talked to. Secrets never show.

use std::fmt;
use std::time::Duration;

use redis::{
    ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo,
    RedisResult, TlsCertificates,
};

/// A server's name or address, and its port.
pub type Address = (String, u16);

/// What is behind the addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One server; the first address.
    Single,
    /// Sentinels that know which server is the master.
    Sentinel {
        /// The master's name.
        master: String,
    },
    /// Some nodes of a cluster.
    Cluster,
}

/// Encryption of every connection. All in PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates of the authorities that vouch for the servers; none: the system's.
    pub authorities: Option<Vec<u8>>,
    /// The certificate that is shown to the servers, and its key.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

/// Never the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}

/// How the store is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The servers, Sentinels or nodes to begin with. At least one.
    pub addresses: Vec<Address>,
    /// What they are.
    pub mode: Mode,
    /// Whether and how connections are encrypted.
    pub tls: Option<Tls>,
    /// The user; none: `default`.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// What every key and the channel begin with.
    pub key_prefix: String,
    /// How long an operation may take, from asking to the answer.
    pub deadline: Duration,
}

/// Never the password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("addresses", &self.addresses)
            .field("mode", &self.mode)
            .field("tls", &self.tls)
            .field("username", &self.username)
            .field("password", &self.password.is_some())
            .field("key_prefix", &self.key_prefix)
            .field("deadline", &self.deadline)
            .finish()
    }
}

impl Settings {
    /// One server on this address, as everything is by default.
    pub fn single(address: Address) -> Self {
        Self {
            addresses: vec![address],
            mode: Mode::Single,
            tls: None,
            username: None,
            password: None,
            key_prefix: "vst".to_owned(),
            deadline: Duration::from_millis(100),
        }
    }

    /// The channel on which changes are told.
    pub(super) fn channel(&self) -> String {
        format!("{}:changes", self.key_prefix)
    }

    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        let Tls {
            authorities,
            client,
        } = self.tls.clone()?;
        Some(TlsCertificates {
            client_tls: client.map(|(client_cert, client_key)| ClientTlsConfig {
                client_cert,
                client_key,
            }),
            root_cert: authorities,
        })
    }

    fn address(&self, (host, port): &Address) -> ConnectionAddr {
        let (host, port) = (host.clone(), *port);
        if self.tls.is_none() {
            return ConnectionAddr::Tcp(host, port);
        }
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    }

    /// How a server is reached and greeted.
    pub(super) fn server(&self, address: &Address) -> RedisResult<ConnectionInfo> {
        let mut greeting = RedisConnectionInfo::default();
        if let Some(username) = &self.username {
            greeting = greeting.set_username(username);
        }
        if let Some(password) = &self.password {
            greeting = greeting.set_password(password);
        }
        let info = self.address(address).into_connection_info()?;
        Ok(info.set_redis_settings(greeting.set_skip_set_lib_name()))
    }

    /// How a Sentinel is reached: the store's user is none of its.
    pub(super) fn sentinel(&self, address: &Address) -> RedisResult<ConnectionInfo> {
        let greeting = RedisConnectionInfo::default().set_skip_set_lib_name();
        let info = self.address(address).into_connection_info()?;
        Ok(info.set_redis_settings(greeting))
    }

    /// A client for one server.
    pub(super) fn client(&self, info: ConnectionInfo) -> RedisResult<redis::Client> {
        match self.certificates() {
            Some(certificates) => redis::Client::build_with_tls(info, certificates),
            None => redis::Client::open(info),
        }
    }
}
