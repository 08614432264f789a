//! `[traces]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// Traces of requests, sent to a collector by OTLP over HTTP (protobuf). Without this table there are
/// none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint"]))]
pub struct Traces {
    /// Required: the collector's whole address, such as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// The share of requests that are traced, from 0 to 1, where nobody decided before whose word
    /// counts.
    #[schemars(range(min = 0, max = 1))]
    pub ratio: f64,
    /// Whose word counts that a request is traced, or is not (the flag in `traceparent`).
    pub parent: TraceParent,
    /// A file that holds a token of 16 characters or more. The collector gets it as
    /// `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// How long the collector may take for one batch. What it does not take is lost.
    pub timeout: Span,
    /// The name of this service among others (`service.name`).
    pub service_name: String,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            ratio: 0.01,
            parent: TraceParent::Trusted,
            token_file: None,
            timeout: Span::secs(5),
            service_name: "vestibule".to_owned(),
        }
    }
}

/// Whose word counts that a request is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceParent {
    /// That of `trusted_proxies`.
    Trusted,
    /// Everybody's: whoever sends requests may have all of theirs traced.
    Any,
    /// Nobody's.
    None,
}
