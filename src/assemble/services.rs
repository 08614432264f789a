//! What apps over HTTP need: one client for all of them, and each its own bounds and secret.

use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;

use super::{AssembleError, Ports, read};
use crate::apps::{HttpApp, HttpAppSettings, Installed, Outside};
use crate::config::values::{self, Limits, Runs, Service};
use crate::config::{Config, NamedFileError};
use crate::domain::transform::AppSpec;
use crate::outbound::{Outbound, Tls};
use crate::telemetry::{Telemetry, TraceSettings};

/// Counters, and the way of traces where they go anywhere.
pub(super) fn telemetry(config: &Config, ports: &Ports) -> Result<Telemetry, AssembleError> {
    let telemetry = Telemetry::new();
    let Some(traces) = &config.traces else {
        return Ok(telemetry);
    };
    let secure = traces.endpoint.scheme_str() == Some("https");
    let outbound = outbound(secure, ports)?;
    let settings = TraceSettings {
        endpoint: traces.endpoint.clone(),
        bearer: traces.token_file.as_deref().map(bearer).transpose()?,
        timeout: traces.timeout,
        service_name: traces.service_name.to_string(),
    };
    Ok(telemetry.with_traces(settings, outbound))
}

fn outbound(secure: bool, ports: &Ports) -> Result<Arc<Outbound>, AssembleError> {
    let tls = if secure { Tls::System } else { Tls::Unused };
    let (names, entropy) = (Arc::clone(&ports.names), Arc::clone(&ports.entropy));
    let authorities = Path::new("certificates of the system's authorities");
    let outbound = Outbound::new(tls, names, entropy)
        .map_err(|error| NamedFileError::content(authorities, &error))?;
    Ok(Arc::new(outbound))
}

/// The client that all accounts share: two apps on one origin share its connections.
pub(super) fn outside(
    config: &Config,
    ports: &Ports,
    telemetry: &Telemetry,
) -> Result<Outside, AssembleError> {
    let mut apps = config.accounts.iter().flat_map(|account| &account.apps);
    let secure = apps.any(|app| match &app.runs {
        Runs::Http(service) => service.uri.scheme_str() == Some("https"),
        Runs::BuiltIn(_) => false,
    });
    let secure = secure || super::sources::any_secure(config);
    Ok(Outside {
        outbound: outbound(secure, ports)?,
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
        metrics: telemetry.apps().clone(),
    })
}

/// Who answers for each app of an account, in configured order.
pub(super) fn installed(
    account: &values::Account,
    limits: &Limits,
    outside: &Outside,
) -> Result<Vec<Installed>, AssembleError> {
    let apps = account.graph.apps().iter().zip(&account.apps);
    apps.map(|(spec, app)| match &app.runs {
        Runs::BuiltIn(kind) => {
            let counters = outside.metrics.built_in(&account.name, &spec.name);
            Ok(Installed::BuiltIn(*kind, counters))
        }
        Runs::Http(service) => {
            let settings = settings(account, spec, service, limits)?;
            let app = HttpApp::new(settings, outside.clone());
            Ok(Installed::Http(Box::new(app)))
        }
    })
    .collect()
}

fn settings(
    account: &values::Account,
    spec: &AppSpec,
    service: &Service,
    limits: &Limits,
) -> Result<HttpAppSettings, AssembleError> {
    let Service {
        uri,
        memo: _,
        raw_cookies,
        token_file,
        retries,
        concurrency,
        breaker,
    } = service;
    let bearer = token_file.as_deref().map(bearer).transpose()?;
    Ok(HttpAppSettings {
        account: Arc::clone(&account.name),
        name: Arc::clone(&spec.name),
        uri: uri.clone(),
        outputs: spec.outputs.clone(),
        raw_cookies: raw_cookies.clone(),
        bearer,
        timeout: spec.timeout,
        retries: *retries,
        concurrency: *concurrency,
        breaker: *breaker,
        reply_bytes: limits.app_reply_bytes,
        depth: limits.session.depth,
    })
}

fn bearer(file: &Path) -> Result<HeaderValue, NamedFileError> {
    let token = read(file)?;
    let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
    let mut value =
        value.map_err(|_| NamedFileError::content(file, &"the token holds a control character"))?;
    value.set_sensitive(true);
    Ok(value)
}
