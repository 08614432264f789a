//! The whole decision about one request, by the same code as the proxy, for whoever wants to see it:
//! `vestibule explain`, and the console. Nothing is kept of it.

use std::sync::Arc;

use bytes::Bytes;
use pingora::http::RequestHeader;

use crate::account::Account;
use crate::api::{Answered, Call, SessionApi};
use crate::domain::cookies::ResponseFacts;
use crate::domain::inputs::read_inputs;
use crate::domain::request::RequestView;
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::peek_id;
use crate::edge::{self, Peer, Reading, Running, session_api};
use crate::flow::Flow;
use crate::outbound::recent::of_run;
use crate::ports::Clock;

mod curl;
mod kept;
mod line;
mod report;
mod request;
mod summary;
mod words;

pub use curl::{is_curl, parse as parse_curl};
pub use kept::give;
pub use report::Report;
pub use request::parse;

/// The moment of an explained request: no time goes by while it is explained, so a session that
/// was seen 25 minutes ago was seen exactly then.
#[derive(Clone, Copy, Debug)]
pub struct Stopped(pub Millis);

impl Clock for Stopped {
    fn now(&self) -> Millis {
        self.0
    }
}

/// What the upstream is taken to answer.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// Its status.
    pub status: u16,
    /// Its `Cache-Control`.
    pub cache_control: Option<&'a str>,
}

/// A request that is admitted, and for which account.
#[derive(Debug)]
pub struct Question {
    head: RequestHeader,
    body: Bytes,
    reading: Reading,
    account: Arc<Account>,
    insecure: bool,
}

impl Question {
    /// Reads a request as a listener does; why it would be refused, where it would.
    pub fn ask(
        (mut head, body): (RequestHeader, Bytes),
        running: &Running,
        (peer, insecure): (Peer, bool),
    ) -> Result<Self, String> {
        let reading = edge::read(&mut head, running, peer)
            .map_err(|error| format!("the request is answered with {}: {error}", error.status()))?;
        let site = running
            .hosts
            .find(reading.admitted.host.as_str(), &reading.admitted.path)
            .ok_or("the request is answered with 421: this host is not served here")?;
        let account = Arc::clone(&site.account);
        Ok(Self {
            head,
            body,
            reading,
            account,
            insecure,
        })
    }

    /// The account that it is for.
    pub const fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Its head, to be given a cookie.
    pub const fn head_mut(&mut self) -> &mut RequestHeader {
        &mut self.head
    }

    /// The sessions that its tokens name, by their own word.
    pub fn named(&self) -> Vec<SessionId> {
        let admitted = &self.reading.admitted;
        let view = admitted.view(&self.head, self.reading.secure, self.insecure);
        let inputs = read_inputs(&view, &self.account.inputs);
        let ids = inputs.tokens.iter().filter_map(|token| peek_id(token));
        ids.map(|(id, _)| id).collect()
    }

    /// Has it come from whoever has this session, which `flow` does not hold yet.
    pub async fn come_from(&mut self, flow: &Flow, session: Session) -> Result<(), String> {
        let token = flow.adopt_whole(&self.account, session).await?;
        let settings = self.account.cookies.of(self.insecure);
        kept::show(&mut self.head, &token, settings)
    }

    /// What is decided about it, and how that comes about.
    pub async fn answer(
        &self,
        flow: &Arc<Flow>,
        running: &Running,
        upstream: Upstream<'_>,
    ) -> Report {
        let Self {
            head,
            reading,
            account,
            insecure,
            ..
        } = self;
        let view = reading.admitted.view(head, reading.secure, *insecure);
        let inputs = read_inputs(&view, &account.inputs);
        let report = Report::of_inputs(&view, account, &inputs, reading.spoofed);
        let run = self.decide((flow, running), (view, report), upstream);
        let (mut report, looked) = of_run(run).await;
        report.add_lookups(&looked);
        report
    }

    async fn decide(
        &self,
        (flow, running): (&Arc<Flow>, &Running),
        (view, mut report): (RequestView<'_>, Report),
        upstream: Upstream<'_>,
    ) -> Report {
        let Self {
            body,
            reading,
            account,
            insecure,
            ..
        } = self;
        if let Some(route) = session_api::route(&reading.admitted, account) {
            let call = Call {
                route,
                request: view,
                body: Some(body),
                body_limit: running.limits.api_body_bytes,
            };
            report.add_call(&answer_call(flow, account, call).await);
            return report;
        }
        let mut decision = flow.decide(account, &view, &|| true).await;
        let facts = ResponseFacts {
            status: upstream.status,
            cache_control: upstream.cache_control,
        };
        let settings = account.cookies.of(*insecure);
        let leaving = flow.leave(&mut decision, settings, &facts).await;
        report.add(&decision, &leaving);
        report.sum_up(&decision, flow.past().last_parting().as_ref());
        report
    }
}

async fn answer_call(flow: &Arc<Flow>, account: &Arc<Account>, call: Call<'_>) -> Answered {
    SessionApi { flow, account }.answer(call, &|| true).await
}
