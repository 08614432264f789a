//! Parts that live by sources: they are tended beside the requests, and can be tried once.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use tokio::time::Instant;

use super::OutboundError;
use super::source::SourceError;

/// What came of trying a source once.
#[derive(Clone, Debug)]
pub struct Probed {
    /// What was tried: a name of the program.
    pub what: &'static str,
    /// Where, without query and without secrets.
    pub address: String,
    /// How long it took.
    pub took: Duration,
    /// What answered, or what is wrong, in words.
    pub verdict: Result<String, String>,
}

/// Something that lives by sources.
#[async_trait]
pub trait Remote: Send + Sync + fmt::Debug {
    /// Fetches what is due. Called every few seconds; a failure is logged and counted by the source.
    async fn tend(&self);
    /// Tries each of its sources once.
    async fn probe(&self) -> Vec<Probed>;
}

impl Probed {
    /// Tries something, and times it.
    pub async fn of<T>(
        what: &'static str,
        address: String,
        trying: impl Future<Output = Result<T, SourceError>> + Send,
        said: impl FnOnce(T) -> Result<String, String> + Send,
    ) -> Self {
        let began = Instant::now();
        let tried = trying.await;
        let took = began.elapsed();
        let verdict = match tried {
            Ok(answer) => said(answer),
            Err(error) => Err(in_words(&error)),
        };
        Self {
            what,
            address,
            took,
            verdict,
        }
    }
}

/// What is wrong, and where to look.
fn in_words(error: &SourceError) -> String {
    let hint = match error {
        SourceError::Status(StatusCode::UNAUTHORIZED) => {
            "the app key and its token are not accepted: is the pair whole, active and of this account?"
        }
        SourceError::Status(StatusCode::FORBIDDEN) => {
            "the app key is not permitted to do this: its role in License Manager needs the resource"
        }
        SourceError::Status(StatusCode::NOT_FOUND) => "nothing is there: is the address right?",
        SourceError::Status(StatusCode::TOO_MANY_REQUESTS) => {
            "too many calls: others use the same key, or its limit is low"
        }
        SourceError::Status(status) if status.is_redirection() => {
            "redirects are not followed: write the address that it leads to"
        }
        SourceError::Call(OutboundError::Unreachable(why)) if why.contains("ertificate") => {
            "the certificate is not this host's, or of an authority that this system does not know"
        }
        SourceError::Call(OutboundError::Unreachable(why)) if why.contains("lookup") => {
            "the name is not known: is it spelt right, and does this machine resolve names?"
        }
        SourceError::Call(OutboundError::Unreachable(_)) => {
            "is the address right, and may this machine go there?"
        }
        SourceError::Call(OutboundError::Late) => {
            "is it slow, or is something in between that swallows the call? `timeout` is in [account.calls]"
        }
        SourceError::Answer(_) => "does a login page, a firewall or another service stand there?",
        _ => return error.to_string(),
    };
    format!("{error}; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_wrong_is_told_with_where_to_look() {
        for (error, said) in [
            (
                SourceError::Status(StatusCode::FORBIDDEN),
                "it answered 403 Forbidden; the app key is not permitted",
            ),
            (
                SourceError::Call(OutboundError::Unreachable(
                    "invalid peer certificate: certificate not valid for name".to_owned(),
                )),
                "the certificate is not this host's",
            ),
            (
                SourceError::Call(OutboundError::Unreachable(
                    "failed to lookup address information".to_owned(),
                )),
                "the name is not known",
            ),
            (
                SourceError::Answer("text/html, not JSON".to_owned()),
                "does a login page",
            ),
        ] {
            let probed = Probed::of(
                "channels",
                "http://shop".to_owned(),
                async { Err::<(), _>(error) },
                |()| Ok(String::new()),
            );
            let verdict = probed.await.verdict.unwrap_err();
            assert!(verdict.contains(said), "{verdict}");
        }
    }
}
