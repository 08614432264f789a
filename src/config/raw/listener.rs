//! `[[listener]]`: addresses for shoppers, and what is shown and promised there.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Span;

/// An address for shoppers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "address"]))]
pub struct Listener {
    /// Its name, unique.
    pub name: String,
    /// Address and port, such as `0.0.0.0:8080` or `[::]:8080`, or a socket in a folder of this
    /// machine, `unix:/run/vestibule/street.sock`.
    #[schemars(extend("format" = "listen-address"))]
    pub address: String,
    /// Who may connect to a `unix:` address: the socket's permissions, in octal. Without it,
    /// `0660`: its owner and group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Say `true` where browsers reach it by `http://`: cookies then go out without `Secure`.
    /// For a machine of one's own; never for a shop.
    pub insecure_cookies: bool,
    /// Whether HTTP/2 is spoken without TLS too, to those who begin with it (prior knowledge). For
    /// a listener behind a mesh; a short request of HTTP/1.0 is not answered there.
    pub h2c: bool,
    /// Whether every request is sent to `https://` instead of being served; a number is the port
    /// there, `true` the usual one.
    pub redirect_https: RedirectHttps,
    /// Connections that it may have at once, of those that `limits.connections` leaves. Without it,
    /// as many as there are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    /// What makes it speak TLS, 1.2 and 1.3. Without this table it speaks plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// How a listener speaks TLS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificate"]))]
pub struct Tls {
    /// Certificates, chosen by the host that a client asks for. The first is shown to whoever asks
    /// for none, or for one that no certificate is for.
    #[schemars(length(min = 1))]
    pub certificate: Vec<Certificate>,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub http2: bool,
    /// HSTS: how long browsers are to come by `https://` alone, in whole seconds. Without it they
    /// are not told; `0s` takes an earlier promise back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hsts: Option<Span>,
    /// Whether that holds for all hosts below the one that is asked too.
    pub hsts_subdomains: bool,
    /// Whether browsers may have it built in. Wants `hsts_subdomains`, and `hsts` of `365d` or more.
    pub hsts_preload: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: Vec::new(),
            http2: true,
            hsts: None,
            hsts_subdomains: false,
            hsts_preload: false,
        }
    }
}

/// A certificate of a listener. Its files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["file", "key"]))]
pub struct Certificate {
    /// The certificate and those that vouch for it, the own one first (PEM).
    pub file: String,
    /// Its private key, without a passphrase (PEM).
    pub key: String,
    /// Hosts that it is shown for: `shop.example.com`, or `*.example.com` for those one level
    /// below. Without any, those that it names itself.
    pub hosts: Vec<String>,
}

/// Whether requests are sent to `https://`, and to which port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RedirectHttps {
    /// To the usual port, or not at all.
    Usual(bool),
    /// To this port.
    Port(u16),
}

impl Default for RedirectHttps {
    fn default() -> Self {
        Self::Usual(false)
    }
}

impl JsonSchema for RedirectHttps {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RedirectHttps".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "integer"], "format": "flag-or-port", "minimum": 1, "maximum": 65535 })
    }
}
