//! Reading a session: the fields that a request asks for.

use serde_json::json;

use super::answer::Reply;
use super::{Call, MayCreate, Outcome, SessionApi};
use crate::domain::api::{ApiError, ApiRoute, Items};
use crate::domain::inputs::read_inputs;
use crate::domain::request::RequestView;
use crate::domain::session::{Body, Document, Field, SessionId};
use crate::flow::{Ask, CookiePlan, Decision, Lookup, Said};

impl SessionApi<'_> {
    pub(super) async fn read(&self, call: Call<'_>, may_create: MayCreate<'_>) -> Outcome {
        let Some(items) = Items::read(call.request.query) else {
            return ApiError::NoItems.into();
        };
        let ask = Ask {
            token: token_of(call.route),
            captures_query: true,
            ..Ask::default()
        };
        let decision = self.decide(&call, &ask, may_create).await;
        self.conclude(&call, decision, |decision, _| {
            Ok(Reply::json(200, self.document(&call, decision, &items)))
        })
        .await
    }

    /// The answer to a page that asks the same as before in the same words, about a session that
    /// is still the same: nothing is decided, and nothing but the document leaves.
    pub(super) fn read_again(
        &self,
        route: ApiRoute<'_>,
        request: &RequestView<'_>,
        said: &Said,
    ) -> Option<Reply> {
        let plain = route == ApiRoute::Session && request.method == "GET";
        if !plain || self.account.api.show_cookies {
            return None;
        }
        // What was asked last is looked at first: it is a few bytes, and finding the session is not.
        let session = said.session();
        let document = session.body.document();
        let json = document.remembered(session.id, request.query?)?;
        let reads = self.flow.glance(self.account, request, said);
        reads.then(|| Reply::json(200, json))
    }

    /// Asks the flow, and takes from the decision the cookies that must not leave: a session that
    /// was named in the path is never put into a browser's jar, and a fresh one that took the place
    /// of a bad token only where a page of the store itself asked.
    pub(super) async fn decide(
        &self,
        call: &Call<'_>,
        ask: &Ask,
        may_create: MayCreate<'_>,
    ) -> Decision {
        let mut decision = self
            .flow
            .call(self.account, &call.request, ask, may_create)
            .await;
        let fresh = matches!(
            decision.trace.lookup,
            Lookup::Rejected(_) | Lookup::Gone | Lookup::Ended(_)
        );
        if ask.token.is_some() && !(fresh && call.request.own_page()) {
            decision.cookies = CookiePlan::default();
        }
        decision
    }

    /// The document with the fields that are asked for.
    pub(super) fn document(
        &self,
        call: &Call<'_>,
        decision: &Decision,
        items: &Items<'_>,
    ) -> String {
        let id = self.id_of(decision);
        let Some(body) = &decision.trace.body else {
            return Document::of(&Body::new()).whole(id);
        };
        if self.account.api.show_cookies {
            let document = Document::with_cookies(&self.unmasked(call, &body.fields()));
            return document.part(id, items.chosen());
        }
        match (items, call.request.query) {
            (Items::All, _) => body.document().whole(id),
            (Items::Listed(_), Some(query)) if call.request.safe_method() => {
                body.document().part_of(id, query, items.chosen())
            }
            (Items::Listed(_), _) => body.document().part(id, items.chosen()),
        }
    }

    /// The session's id; a new one of nobody's for a session that is not stored.
    pub(super) fn id_of(&self, decision: &Decision) -> SessionId {
        let stored = decision.trace.session;
        stored.unwrap_or_else(|| SessionId::from_random(self.flow.random()))
    }

    /// The fields with the cookies of this very request in place of the hashes that are kept.
    fn unmasked(&self, call: &Call<'_>, fields: &Body) -> Body {
        let mut body: Body = Body::new();
        for (field, slot) in fields
            .iter()
            .filter(|(field, _)| field.namespace() != "cookie")
        {
            body.put(field.clone(), slot.clone());
        }
        for (name, value) in read_inputs(&call.request, &self.account.inputs).captured {
            if let Ok(field) = Field::new("cookie", name)
                && fields.slot(field.as_str()).is_some()
            {
                body.set(field, json!(value));
            }
        }
        body
    }
}

/// The token of a path that has one.
pub(super) fn token_of(route: ApiRoute<'_>) -> Option<Box<str>> {
    match route {
        ApiRoute::SessionOf(token) => Some(token.into()),
        _ => None,
    }
}
