//! Checks of servers beside the requests: whether they accept a connection, and answer as they should.

use std::sync::Arc;

use http::{Uri, Version};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::prelude::{Error, ErrorType, HttpPeer};
use pingora::protocols::http::client::HttpSession;
use pingora::{OrErr as _, Result};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Upstream;
use super::server::Server;
use crate::config::values::{HealthCheck, HealthQuestion};

impl Upstream {
    /// Checks every server once, all at the same time.
    pub async fn check(&self) {
        let Some(health) = &self.settings.health else {
            return;
        };
        let mut checks = JoinSet::new();
        for server in &self.table.load().all {
            let (server, health) = (Arc::clone(server), health.clone());
            let connector = self.connector();
            checks.spawn(async move {
                let found = check(&server, &health, &connector).await;
                (server, found)
            });
        }
        let mut turned = false;
        while let Some(checked) = checks.join_next().await {
            // A check that panicked says nothing.
            let Ok((server, found)) = checked else {
                continue;
            };
            self.counters.checked(found.is_ok());
            turned |= self.found(&server, found, health);
        }
        if turned {
            self.look_again();
        }
    }

    /// Takes note of a check; whether it turned the server's health.
    fn found(&self, server: &Server, found: Result<(), String>, health: &HealthCheck) -> bool {
        let mut standing = server.standing.lock();
        let turned = standing.checked(found.is_ok(), health.thresholds);
        drop(standing);
        let (upstream, server) = (self.name(), server.address);
        match found {
            Ok(()) if turned => tracing::info!(upstream, %server, "A server is well again."),
            Err(why) if turned => {
                tracing::warn!(upstream, %server, why, "A server is down: it gets no requests.");
            }
            _ => {}
        }
        turned
    }

    fn connector(&self) -> Arc<Connector> {
        let made = self
            .connector
            .get_or_init(|| Arc::new(Connector::new(None)));
        Arc::clone(made)
    }
}

/// Checks one server; or why it is not well.
async fn check(server: &Server, health: &HealthCheck, connector: &Connector) -> Result<(), String> {
    let checked = async {
        match &health.question {
            None => match TcpStream::connect(server.address).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Some(question) => {
                let answered = Box::pin(ask(server.peer(), question, connector)).await;
                answered.map_err(|error| error.to_string())
            }
        }
    };
    match timeout(health.timeout, checked).await {
        Ok(found) => found,
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// Asks as the requests do: the same way of connecting, over a connection of the check's own.
async fn ask(peer: &HttpPeer, question: &HealthQuestion, connector: &Connector) -> Result<()> {
    let mut peer = peer.clone();
    // A connection that may carry more than this would be kept and used again.
    peer.options.max_h2_streams = 1;
    let (mut session, _) = Box::pin(connector.get_http_session(&peer)).await?;
    let address = peer._address.to_string();
    let host = question.host.as_deref().unwrap_or(&address);
    let head = question_head(&peer, matches!(session, HttpSession::H2(_)), host, question)?;
    session.write_request_header(Box::new(head)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    let status = session.response_header().map(|head| head.status.as_u16());
    if status == Some(question.status) {
        return Ok(());
    }
    let status = status.unwrap_or_default();
    Error::e_explain(
        ErrorType::HTTPStatus(status),
        format!("{} was expected", question.status),
    )
}

/// The head of a question. HTTP/2 has scheme and host in the target, and no `Host` (RFC 9113, section
/// 8.3.1).
fn question_head(
    peer: &HttpPeer,
    http2: bool,
    host: &str,
    question: &HealthQuestion,
) -> Result<RequestHeader> {
    let mut head = RequestHeader::build("GET", question.path.as_bytes(), None)?;
    head.insert_header("user-agent", "vestibule-check")?;
    if http2 {
        let scheme = if peer.is_tls() { "https" } else { "http" };
        let target = format!("{scheme}://{host}{}", question.path);
        let target: Uri = target
            .parse()
            .or_err(ErrorType::InternalError, "the path was checked")?;
        head.set_uri(target);
        head.set_version(Version::HTTP_2);
    } else {
        head.insert_header("host", host)?;
    }
    Ok(head)
}
