//! Where traces go, and which requests are traced.

use http::Uri;

use super::Check;
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw::{self, TraceParent};
use crate::config::tree::At;
use crate::config::values::Traces;
use crate::domain::request::trace::Sampling;

const ENDPOINT: &str = "a whole address such as http://127.0.0.1:4318/v1/traces";

impl Check<'_, '_, '_> {
    pub(super) fn traces(&mut self, written: &raw::Traces) -> Option<Traces> {
        let raw::Traces {
            endpoint,
            ratio,
            parent,
            token_file,
            timeout,
            service_name,
        } = written;
        let at = At::default().key("traces");
        let endpoint = self.base(endpoint, &at.key("endpoint"));
        if endpoint.as_deref().is_some_and(is_bare) {
            let problem = Problem::new("no path: collectors take traces at `/v1/traces`");
            self.say.doubtful(&at.key("endpoint"), problem);
        }
        let endpoint = endpoint?.parse::<Uri>();
        let endpoint = self.say.read(&at.key("endpoint"), endpoint, ENDPOINT)?;
        if !(0.0..=1.0).contains(ratio) {
            let problem = Problem::new("no share of requests");
            let problem = problem.allowed("a number from 0 to 1");
            self.say.wrong(&at.key("ratio"), problem);
            return None;
        }
        if timeout.0.is_zero() {
            let problem = Problem::new("no collector could answer in time");
            let problem = problem.allowed("1ms or more");
            self.say.wrong(&at.key("timeout"), problem);
            return None;
        }
        let token_file = match token_file {
            Some(name) => Some(self.file(&at.key("token_file"), name, FileKind::AppToken)?),
            None => None,
        };
        Some(Traces {
            endpoint,
            sampling: Sampling::new(*ratio, *parent != TraceParent::None),
            trusted_alone: *parent == TraceParent::Trusted,
            token_file,
            timeout: timeout.0,
            service_name: self.name(&at.key("service_name"), service_name)?,
        })
    }
}

fn is_bare(endpoint: &str) -> bool {
    let rest = endpoint.split_once("://").map_or("", |(_, rest)| rest);
    !rest.contains('/')
}
