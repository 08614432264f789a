//! Apps by numbers: what they watch, what they write, and what they answer.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::Arbitrary;
use serde_json::{Value, json};
use vestibule::domain::patch::Patch;
use vestibule::domain::session::{Body, Field};
use vestibule::domain::time::Millis;
use vestibule::domain::transform::app::{
    Answer, AppSpec, Call, Failure, Input, Note, OnError, Refusal,
};
use vestibule::domain::transform::condition::Condition;
use vestibule::domain::transform::protocol::read_reply;

use super::number;

const KEYS: [&str; 12] = [
    "public.a",
    "public.b",
    "public.sc",
    "public.utm_a",
    "public.utm_b",
    "profile.email",
    "store.channel",
    "checkout.regionId",
    "authentication.storeUserId",
    "impersonate.storeUserId",
    "cookie.VtexIdclientAutCookie",
    "account.id",
];

/// Whether an app is called.
const CONDITIONS: [&str; 5] = [
    r#"profile.email == "1""#,
    "has(public.a)",
    "public.a > 1",
    "size(public) > 1",
    r#"session["store"].channel != 2"#,
];

static FIELDS: LazyLock<[Field; KEYS.len()]> = LazyLock::new(|| KEYS.map(field_of));
static COMPILED: LazyLock<[Condition; CONDITIONS.len()]> = LazyLock::new(|| {
    CONDITIONS.map(|source| Condition::compile(source).expect("a good expression"))
});
static PATTERN: LazyLock<Input> =
    LazyLock::new(|| Input::read("public", "utm_.*").expect("a good pattern"));

/// The field of a name.
pub(super) fn field_of(name: &str) -> Field {
    name.parse().expect("a field")
}

/// A field by number.
pub(super) fn field(key: u8) -> Field {
    FIELDS[usize::from(key) % FIELDS.len()].clone()
}

/// Whether no app may write it.
pub(super) fn is_system(field: &Field) -> bool {
    matches!(field.namespace(), "account" | "cookie")
}

/// An app by numbers.
#[derive(Arbitrary, Clone, Debug)]
pub(super) struct Shape {
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    when: u8,
    on_create: bool,
    on_error: u8,
    says: Vec<Write>,
    reply: Option<Reply>,
}

/// One write of an answer.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Write {
    /// Always this.
    Plain(u8, u8),
    /// The sum of all inputs and this, in a small ring: it may turn for ever.
    Sum(u8, u8),
    /// An input's value.
    Copy(u8, u8),
    /// Nothing any more.
    Unset(u8),
}

/// What an app answers that does not follow from its inputs alone.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Reply {
    /// No answer.
    Fails(u8),
    /// A value of `public` that this shopper may not have, and what holds instead.
    Refuses(u8, bool, Vec<Write>),
    /// What an app over HTTP sent.
    Says(Vec<u8>),
    /// An answer with its times.
    Holds(Vec<Write>, Option<i16>, Option<i16>),
}

impl Shape {
    /// As configured, without a look at what may be written.
    pub(super) fn unchecked_spec(&self, name: usize) -> AppSpec {
        let inputs = self.inputs.iter().take(4).map(|&key| match key {
            u8::MAX => PATTERN.clone(),
            key => Input::Field(field(key)),
        });
        let outputs = self.outputs.iter().take(4).map(|&key| field(key));
        AppSpec {
            name: format!("app{name}").into(),
            inputs: inputs.collect(),
            outputs: outputs.collect(),
            run_on_create: self.on_create,
            // Most apps have none: to look at one takes as long as a whole round.
            when: COMPILED.get(usize::from(self.when % 16)).cloned(),
            timeout: Duration::from_secs(2),
            on_error: match self.on_error % 3 {
                0 => OnError::Keep,
                1 => OnError::Clear,
                _ => OnError::Fail,
            },
            max_age: None,
        }
    }

    /// The same with outputs that an app may have.
    pub(super) fn spec(&self, name: usize) -> AppSpec {
        let mut spec = self.unchecked_spec(name);
        spec.outputs = self.outputs().collect();
        spec
    }

    /// What it may write, each field once.
    pub(super) fn outputs(&self) -> impl Iterator<Item = Field> {
        let mut outputs: Vec<Field> = Vec::new();
        for field in self.outputs.iter().take(4).map(|&key| field(key)) {
            if !is_system(&field) && !outputs.contains(&field) {
                outputs.push(field);
            }
        }
        outputs.into_iter()
    }

    /// Whether its answers follow from its inputs, and are answers.
    pub(super) fn is_plain(&self) -> bool {
        self.reply.is_none()
    }

    /// Whether it may refuse.
    pub(super) fn refuses(&self) -> bool {
        self.reply.as_ref().is_some_and(Reply::refuses)
    }

    /// The answer to a call: the same to the same call.
    pub(super) fn answer(&self, call: &Call) -> Result<Answer, Failure> {
        if let Some(reply) = &self.reply {
            let outputs: Vec<Field> = self.outputs().collect();
            return reply.answer(&outputs);
        }
        Ok(Answer {
            writes: writes(&self.says, &call.inputs),
            ..Answer::default()
        })
    }

    /// The same for inputs that were found in another way.
    pub(super) fn writes(&self, inputs: &Body) -> Patch {
        writes(&self.says, inputs)
    }
}

impl Reply {
    /// Whether it refuses.
    pub(super) fn refuses(&self) -> bool {
        matches!(self, Self::Refuses(..))
    }

    /// The answer of an app with these outputs.
    pub(super) fn answer(&self, outputs: &[Field]) -> Result<Answer, Failure> {
        match self {
            Self::Fails(why) => Err(match why % 4 {
                0 => Failure::Timeout,
                1 => Failure::Unavailable("down".to_owned()),
                2 => Failure::BadReply("no answer".to_owned()),
                _ => Failure::Broken,
            }),
            Self::Refuses(key, known, instead) => Ok(Answer {
                refusal: Some(Refusal {
                    field: field(key % 5),
                    status: if *known { 403 } else { 401 },
                    fallback: writes(instead, &Body::new()),
                }),
                ..Answer::default()
            }),
            Self::Says(bytes) => match read_reply(bytes, outputs, 16) {
                Ok(reply) => Ok(Answer {
                    writes: reply.writes,
                    ..Answer::default()
                }),
                Err(error) => Err(Failure::BadReply(error.to_string())),
            },
            Self::Holds(says, until, as_of) => Ok(Answer {
                writes: writes(says, &Body::new()),
                valid_until: until.map(|at| Millis::from_millis(at.into())),
                as_of: as_of.map(|at| Millis::from_millis(at.into())),
                notes: vec![Note::ImpersonationGranted],
                ..Answer::default()
            }),
        }
    }
}

fn writes(says: &[Write], inputs: &Body) -> Patch {
    let sum: u64 = inputs
        .iter()
        .map(|(_, slot)| number(Some(slot.value())))
        .sum();
    let mut patch = Patch::new();
    for &write in says.iter().take(4) {
        match write {
            Write::Plain(key, value) => patch.set(field(key), json!(value % 4)),
            Write::Sum(key, more) => patch.set(field(key), json!((sum + u64::from(more)) % 4)),
            Write::Copy(key, from) => {
                let value = inputs.value(field(from).as_str()).cloned();
                patch.set(field(key), value.unwrap_or(Value::Null));
            }
            Write::Unset(key) => patch.unset(field(key)),
        }
    }
    patch
}
