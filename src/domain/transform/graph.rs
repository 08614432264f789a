//! An account's installed apps and what follows from how they are wired.

use std::hash::Hasher as _;
use std::sync::Arc;

use siphasher::sip::SipHasher13;
use thiserror::Error;

use super::app::{AppSpec, Input};
use crate::domain::session::Field;

/// Namespaces that say who acts. Nothing that depends on them survives their change by default.
const AUTHORITY: [&str; 2] = ["authentication", "impersonate"];

/// What a loop does (contract §6.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoop {
    /// Keys that still change take the value they had before; the request goes on.
    #[default]
    Revert,
    /// The request fails, naming apps and keys.
    Fail,
}

/// Bounds of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphSettings {
    /// Rounds after which a cycle that has not settled is a loop.
    pub max_rounds: u32,
    /// What a loop does.
    pub on_loop: OnLoop,
}

impl Default for GraphSettings {
    fn default() -> Self {
        Self {
            max_rounds: 8,
            on_loop: OnLoop::Revert,
        }
    }
}

/// The apps in configured order, valid by construction.
#[derive(Clone, Debug)]
pub struct Graph {
    apps: Vec<AppSpec>,
    settings: GraphSettings,
    personal: Vec<bool>,
    order: u64,
    /// Every field that an app names, sorted.
    named: Vec<Field>,
    /// Apps that are told of fields they do not name, by position.
    unnamed: Vec<usize>,
}

/// Why apps cannot be installed together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraphError {
    /// Two apps have one name.
    #[error("app `{0}` is installed twice")]
    SameName(Arc<str>),
    /// Two apps write one field outside `public`, and the later does not say that it shares.
    #[error("`{later}` and `{earlier}` both write `{field}`; the later needs `shared = true`")]
    SharedOutput {
        /// The app that comes first.
        earlier: Arc<str>,
        /// The app that comes later.
        later: Arc<str>,
        /// The field.
        field: Field,
    },
    /// An app would write what belongs to the system.
    #[error("`{app}` may not write `{field}`: the namespace belongs to the system")]
    SystemOutput {
        /// The app.
        app: Arc<str>,
        /// The field.
        field: Field,
    },
    /// No round could ever run.
    #[error("max_rounds must be at least 1")]
    NoRounds,
}

impl Graph {
    /// Checks the apps against each other. `shares` tells whether an app, by position, said that
    /// it may write what an earlier one writes.
    pub fn try_new(
        apps: Vec<AppSpec>,
        settings: GraphSettings,
        shares: impl Fn(usize) -> bool,
    ) -> Result<Self, Vec<GraphError>> {
        let mut errors = Vec::new();
        if settings.max_rounds == 0 {
            errors.push(GraphError::NoRounds);
        }
        for (at, app) in apps.iter().enumerate() {
            let earlier = apps.get(..at).unwrap_or_default();
            check_against(app, earlier, shares(at), &mut errors);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let personal = personal_apps(&apps);
        let order = order_of(&apps);
        let named = named_fields(&apps);
        let unnamed = (0..apps.len()).filter(|&at| apps.get(at).is_some_and(names_not_all));
        Ok(Self {
            unnamed: unnamed.collect(),
            apps,
            settings,
            personal,
            order,
            named,
        })
    }

    /// Stands for the apps' names in their order: what is kept by an app's position is meant for it.
    pub const fn order(&self) -> u64 {
        self.order
    }

    /// The apps, in configured order.
    pub fn apps(&self) -> &[AppSpec] {
        &self.apps
    }

    /// One app by position.
    pub fn app(&self, at: usize) -> Option<&AppSpec> {
        self.apps.get(at)
    }

    /// The bounds.
    pub const fn settings(&self) -> GraphSettings {
        self.settings
    }

    /// Whether any app is told of a field, or may say it.
    pub fn concerns(&self, field: &Field) -> bool {
        let mut unnamed = self.unnamed.iter().filter_map(|&at| self.app(at));
        self.named.binary_search(field).is_ok() || unnamed.any(|app| app.watches(field))
    }

    /// Whether what this app writes depends, directly or through others, on who acts.
    pub fn personal(&self, at: usize) -> bool {
        self.personal.get(at).copied().unwrap_or(false)
    }

    /// Whether some personal app writes this field.
    pub fn personal_field(&self, field: &Field) -> bool {
        self.apps
            .iter()
            .zip(&self.personal)
            .any(|(app, &personal)| personal && app.writes(field))
    }
}

/// Every field that apps name among what they watch and write, sorted.
fn named_fields(apps: &[AppSpec]) -> Vec<Field> {
    let watched = |app: &AppSpec| {
        let inputs = app.inputs.iter().filter_map(|input| match input {
            Input::Field(field) => Some(field.clone()),
            Input::Keys { .. } => None,
        });
        inputs.collect::<Vec<_>>()
    };
    let mut named: Vec<Field> = apps.iter().flat_map(watched).collect();
    named.extend(apps.iter().flat_map(|app| app.outputs.iter().cloned()));
    named.sort();
    named.dedup();
    named
}

/// Whether an app watches by patterns or by a condition.
fn names_not_all(app: &AppSpec) -> bool {
    let patterns = |input: &Input| matches!(input, Input::Keys { .. });
    app.when.is_some() || app.inputs.iter().any(patterns)
}

/// Whether a field says who acts.
pub fn says_who_acts(field: &Field) -> bool {
    AUTHORITY.contains(&field.namespace())
}

fn check_against(app: &AppSpec, earlier: &[AppSpec], shares: bool, errors: &mut Vec<GraphError>) {
    if earlier.iter().any(|other| other.name == app.name) {
        errors.push(GraphError::SameName(Arc::clone(&app.name)));
    }
    for field in &app.outputs {
        if matches!(field.namespace(), "account" | "cookie") {
            errors.push(GraphError::SystemOutput {
                app: Arc::clone(&app.name),
                field: field.clone(),
            });
        }
        let writer = earlier.iter().find(|other| other.writes(field));
        if let Some(other) = writer.filter(|_| !shares && field.namespace() != "public") {
            errors.push(GraphError::SharedOutput {
                earlier: Arc::clone(&other.name),
                later: Arc::clone(&app.name),
                field: field.clone(),
            });
        }
    }
}

/// The same in every process and every later version: it lies on disks.
fn order_of(apps: &[AppSpec]) -> u64 {
    let mut hasher = SipHasher13::new();
    for app in apps {
        hasher.write(app.name.as_bytes());
        hasher.write_u8(0);
    }
    hasher.finish()
}

/// Follows authority from app to app until nothing is added.
fn personal_apps(apps: &[AppSpec]) -> Vec<bool> {
    let mut personal: Vec<bool> = apps
        .iter()
        .map(|app| {
            app.inputs
                .iter()
                .any(|input| AUTHORITY.contains(&input.namespace()))
        })
        .collect();
    loop {
        let next: Vec<bool> = apps
            .iter()
            .zip(&personal)
            .map(|(app, &already)| {
                already
                    || apps.iter().zip(&personal).any(|(writer, &writer_is)| {
                        writer_is && writer.outputs.iter().any(|field| app.watches(field))
                    })
            })
            .collect();
        if next == personal {
            return personal;
        }
        personal = next;
    }
}
