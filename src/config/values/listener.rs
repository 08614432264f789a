//! Addresses for shoppers, and what is shown and promised there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::HostPattern;

/// The address that stands for a peer who has none: one that comes by a socket of this machine. No
/// connection over a network has it.
pub const WITHOUT_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// An address for shoppers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, unique.
    pub name: String,
    /// Where it listens.
    pub address: ListenPlace,
    /// Whether cookies go out without `Secure`, because browsers reach it by `http://`.
    pub insecure_cookies: bool,
    /// Whether HTTP/2 is spoken without TLS to those who begin with it.
    pub h2c: bool,
    /// The port of `https://` to which every request is sent; none: they are served.
    pub redirect_https: Option<u16>,
    /// Connections at once; none: no limit of its own.
    pub connections: Option<usize>,
    /// How it speaks TLS; none: it speaks plain HTTP.
    pub tls: Option<Tls>,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenPlace {
    /// On a port.
    Tcp(SocketAddr),
    /// On a socket of this machine.
    Unix {
        /// Its file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl fmt::Display for ListenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { path, mode: _ } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How a listener speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates. At least one; the first is shown where none is for the host that is asked for.
    pub certificates: Vec<CertificateFiles>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// The value of `Strict-Transport-Security` (RFC 6797 §6.1); none: it is not sent.
    pub hsts: Option<String>,
}

/// Where a certificate lies, and for whom it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, in PEM.
    pub chain: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// Hosts; none: those that the certificate names.
    pub hosts: Vec<HostPattern>,
}
