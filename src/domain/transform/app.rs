//! What the cycle knows of a session app, what it asks one, and what one may say.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use thiserror::Error;

use super::condition::Condition;
use crate::domain::patch::Patch;
use crate::domain::session::{Body, Field};
use crate::domain::time::Millis;

/// What happens to an app's outputs when it fails (contract §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Leave them as they are and try again later, beside the requests.
    #[default]
    Keep,
    /// Empty them.
    Clear,
    /// Answer 502 and name the app.
    Fail,
}

/// One watched input: a field, or all fields of a namespace whose key matches.
#[derive(Clone, Debug)]
pub enum Input {
    /// Exactly this field.
    Field(Field),
    /// Keys of `namespace` that match as a whole; `shown` is the pattern as it was written.
    Keys {
        /// The namespace.
        namespace: Arc<str>,
        /// The anchored expression.
        pattern: Regex,
        /// The expression as the configuration has it.
        shown: Arc<str>,
    },
}

impl Input {
    /// Reads one key of a configuration's `input` list: a plain key, or a regular expression,
    /// which is then anchored at both ends.
    pub fn read(namespace: &str, key: &str) -> Result<Self, InputError> {
        // A dot alone is an ordinary character of a key; these make an expression of it.
        if !key.contains(['*', '+', '?', '[', '(', '|', '\\', '^', '$']) {
            return Field::new(namespace, key)
                .map(Self::Field)
                .map_err(|_| InputError::BadName);
        }
        Field::new(namespace, "x").map_err(|_| InputError::BadName)?;
        let pattern = Regex::new(&format!("^(?:{key})$")).map_err(|_| InputError::BadPattern)?;
        Ok(Self::Keys {
            namespace: namespace.into(),
            pattern,
            shown: key.into(),
        })
    }

    /// Whether the app is called when this field changes.
    pub fn watches(&self, field: &Field) -> bool {
        match self {
            Self::Field(own) => own == field,
            Self::Keys {
                namespace, pattern, ..
            } => field.namespace() == &**namespace && pattern.is_match(field.key()),
        }
    }

    /// The namespace it lies in.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Field(field) => field.namespace(),
            Self::Keys { namespace, .. } => namespace,
        }
    }

    /// As the configuration writes it, `namespace.key`.
    pub fn shown(&self) -> String {
        match self {
            Self::Field(field) => field.to_string(),
            Self::Keys {
                namespace, shown, ..
            } => format!("{namespace}.{shown}"),
        }
    }
}

/// Why a configured input is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InputError {
    /// The namespace or key is not well formed.
    #[error("an input is a namespace and a key")]
    BadName,
    /// The expression does not compile.
    #[error("the key is not a regular expression")]
    BadPattern,
}

/// A session app as the cycle sees it.
#[derive(Clone, Debug)]
pub struct AppSpec {
    /// Its name, unique in the account.
    pub name: Arc<str>,
    /// What it watches; it is called with all of these that are present.
    pub inputs: Vec<Input>,
    /// What it may write.
    pub outputs: Vec<Field>,
    /// Whether it is called, with an empty input, when a session is created.
    pub run_on_create: bool,
    /// It is called only while this holds.
    pub when: Option<Condition>,
    /// How long one call may take.
    pub timeout: Duration,
    /// What its failure does.
    pub on_error: OnError,
    /// After this long its outputs are looked up again.
    pub max_age: Option<Duration>,
}

impl AppSpec {
    /// Whether a change of this field calls the app.
    pub fn watches(&self, field: &Field) -> bool {
        self.inputs.iter().any(|input| input.watches(field))
            || self.when.as_ref().is_some_and(|when| when.reads(field))
    }

    /// Whether the app may write this field.
    pub fn writes(&self, field: &Field) -> bool {
        self.outputs.contains(field)
    }
}

/// One question to an app: every watched field that is present, as it stood when the round began.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Position of the app in the account's configuration.
    pub app: usize,
    /// Present inputs, sorted by field. `cookie.*` carries the raw value of this request.
    pub inputs: Body,
    /// The app's own outputs that are present. Only apps built in may look at them.
    pub current: Body,
    /// Whether this is the create call, which has no inputs.
    pub create: bool,
}

impl Call {
    /// The text of an input other than `""`.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.inputs.filled(name)
    }

    /// An input's value.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.inputs.value(name)
    }
}

/// What an app said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Writes to its outputs. A field left out is untouched.
    pub writes: Patch,
    /// A requested value that this shopper may not have.
    pub refusal: Option<Refusal>,
    /// The moment from which the answer no longer holds (the end of a token).
    pub valid_until: Option<Millis>,
    /// When the answer was looked up, where it comes from a memo: its age counts from there.
    pub as_of: Option<Millis>,
    /// Until when a memo gives it again to whoever asks the same; none where nothing remembers it.
    pub again_until: Option<Millis>,
    /// What the audit log is to hold.
    pub notes: Vec<Note>,
}

/// What an app noted beside its writes, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A presented login token was not accepted; the label is one of a closed set.
    TokenRefused(&'static str),
    /// A member of staff acts as a customer from now on.
    ImpersonationGranted,
    /// Acting as a customer was refused; the label is one of a closed set.
    ImpersonationRefused(&'static str),
}

/// A refused request for a value, provisional until the cycle ends (contract §5, store).
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The field that asked.
    pub field: Field,
    /// 401 where the shopper is not authenticated, else 403.
    pub status: u16,
    /// What holds instead where the value was not asked for by this very request.
    pub fallback: Patch,
}

/// Why an app gave no answer. The text is for the log; labels for metrics come from [`Failure::label`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// No answer within its timeout or the cycle's deadline.
    #[error("no answer in time")]
    Timeout,
    /// It, or the directory that it asks, cannot be reached or reports an error.
    #[error("not available: {0}")]
    Unavailable(String),
    /// It answered with something that is no answer.
    #[error("bad reply: {0}")]
    BadReply(String),
    /// It broke (a panic, or a task that was ended).
    #[error("broke while being called")]
    Broken,
}

impl Failure {
    /// A label of a closed set.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unavailable(_) => "unavailable",
            Self::BadReply(_) => "bad_reply",
            Self::Broken => "broken",
        }
    }
}
