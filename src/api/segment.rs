//! Segments: the session's own, or one that the path spells out; what the query says goes over it
//! in this answer alone.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::answer::Reply;
use super::{Call, MayCreate, Outcome, SessionApi};
use crate::domain::api::ApiError;
use crate::domain::inputs::read_inputs;
use crate::domain::patch::Patch;
use crate::domain::session::Field;
use crate::domain::session::segment::Segment;
use crate::flow::Ask;

/// Who starts an impersonation says so where it is kept.
const IMPERSONATION: &str = "vtex-impersonated-customer-email";

/// Query parameters that go over a segment which is spelled out, with its member of each.
const OVERRIDES: [(&str, &str); 4] = [
    ("utm_campaign", "utm_campaign"),
    ("utm_source", "utm_source"),
    ("utmi_cp", "utmi_campaign"),
    ("cultureInfo", "cultureInfo"),
];

/// Padded or not: clients of the platform write both.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

impl SessionApi<'_> {
    pub(super) async fn segment(&self, call: Call<'_>, may_create: MayCreate<'_>) -> Outcome {
        let ask = Ask::default();
        let mut decision = self.decide(&call, &ask, may_create).await;
        let mut previewed = None;
        if let Some(body) = &decision.trace.body
            && decision.undone.is_none()
        {
            let preview = self
                .flow
                .preview(
                    self.account,
                    &body.fields(),
                    self.overrides(&call),
                    call.request.trace,
                )
                .await;
            previewed = Some(preview);
        }
        // Clients of the platform take the segment from the cookie that comes with it.
        decision.cookies.segment = decision.cookies.session.is_some();
        self.conclude(&call, decision, |decision, _| match previewed {
            Some(Ok(body)) => Ok(Reply::json(200, Segment::of(&body).to_json())),
            Some(Err(undone)) => Err(ApiError::from(&undone)),
            None => {
                let body = decision.trace.body.as_ref().ok_or(ApiError::Unavailable)?;
                Ok(Reply::json(200, Segment::of(&body.fields()).to_json()))
            }
        })
        .await
    }

    /// What the query asks to be seen under, by the account's own rules of what is read.
    fn overrides(&self, call: &Call<'_>) -> Patch {
        let mut writes = Patch::new();
        if call.request.query.is_none() {
            return writes;
        }
        let inputs = read_inputs(&call.request, &self.account.inputs);
        for (name, value) in inputs
            .public
            .iter()
            .filter(|(name, _)| name != IMPERSONATION)
        {
            if let Ok(field) = Field::new("public", name) {
                writes.set(field, json!(value.as_ref()));
            }
        }
        writes
    }
}

/// The segment that a token in the path spells out. It proves nothing and asks no session.
pub(super) fn spelled_out(token: &str, query: Option<&str>) -> Outcome {
    let Some(mut members) = decode(token) else {
        return ApiError::BadSegment.into();
    };
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let member = OVERRIDES.iter().find(|(parameter, _)| *parameter == name);
        if let Some((_, member)) = member {
            members.insert((*member).to_owned(), json!(value.as_ref()));
        }
    }
    Reply::json(200, Value::Object(members).to_string()).into()
}

fn decode(token: &str) -> Option<Map<String, Value>> {
    let alphabet = if token.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    let json = GeneralPurpose::new(&alphabet, LENIENT).decode(token).ok()?;
    match serde_json::from_slice(&json).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
