//! The installed apps, each alone and all against each other.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, Said};
use crate::config::builtin::BuiltIn;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{App, Runs};
use crate::domain::session::Field;
use crate::domain::transform::app::{AppSpec, Input, OnError};
use crate::domain::transform::{Condition, Graph, GraphError, GraphSettings, OnLoop};

/// The apps of an account that names none: all that the platform installs by itself.
const USUAL: [BuiltIn; 5] = [
    BuiltIn::Store,
    BuiltIn::Authentication,
    BuiltIn::Profile,
    BuiltIn::Rnb,
    BuiltIn::Checkout,
];

/// Which built-in app an entry means.
pub(super) fn kind_of(written: &raw::App) -> Option<BuiltIn> {
    if written.url.is_some() {
        return None;
    }
    written.kind.or_else(|| BuiltIn::named(&written.name))
}

struct Installed {
    at: At,
    runs: Runs,
    spec: AppSpec,
    shared: bool,
}

/// What follows from where an app runs.
pub(super) struct Wiring {
    pub(super) runs: Runs,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Field>,
    pub(super) run_on_create: bool,
    pub(super) max_age: Option<Duration>,
}

impl Check<'_, '_, '_> {
    pub(super) fn apps(
        &mut self,
        written: &[raw::App],
        cycle: &raw::Cycle,
        memo_age: Duration,
        at: &At,
    ) -> Option<(Vec<App>, Graph)> {
        let raw::Cycle {
            max_rounds,
            deadline,
            on_loop,
        } = *cycle;
        let list = at.key("app");
        let usual: Vec<raw::App> = USUAL.iter().map(|kind| plain_app(*kind)).collect();
        let written = if written.is_empty() { &usual } else { written };
        let installed: Vec<Option<Installed>> = written
            .iter()
            .enumerate()
            .filter(|(_, app)| app.enabled)
            .map(|(index, app)| self.app(app, memo_age, &list.index(index)))
            .collect();
        for one in installed.iter().flatten() {
            let at = one.at.key("timeout");
            if one.spec.timeout > deadline.0 && self.say.is_written(&at) {
                let problem = Problem::new(format!(
                    "`timeout` is longer than the whole cycle may take ({deadline})"
                ));
                self.say.doubtful(&at, problem);
            }
        }
        if deadline.0.is_zero() {
            let problem = Problem::new("no app could ever answer").allowed("more than 0s");
            let at = at.key("cycle").key("deadline");
            self.say.wrong(&at, problem);
        }
        let installed: Vec<Installed> = installed.into_iter().collect::<Option<_>>()?;
        let settings = GraphSettings {
            max_rounds,
            on_loop: match on_loop {
                raw::OnLoop::Revert => OnLoop::Revert,
                raw::OnLoop::Fail => OnLoop::Fail,
            },
        };
        self.wired(&installed, settings, at)
    }

    fn app(&mut self, written: &raw::App, memo_age: Duration, at: &At) -> Option<Installed> {
        let raw::App {
            name,
            when,
            timeout,
            on_error,
            shared,
            ..
        } = written;
        let wiring = if written.url.is_some() {
            self.http_app(written, memo_age, at)
        } else {
            self.built_in(written, memo_age, at)
        };
        let name = self.name(&at.key("name"), name);
        let when = match when {
            Some(text) => {
                let allowed = "a CEL expression such as `profile.isAuthenticated == \"true\"`";
                // The parser draws the place below its first line.
                let condition = Condition::compile(text).map_err(|error| first_line(&error));
                let condition = self.say.read(&at.key("when"), condition, allowed);
                condition.map(Some).ok_or(Said)
            }
            None => Ok(None),
        };
        if timeout.0.is_zero() {
            let problem = Problem::new("the app could never answer").allowed("more than 0s");
            self.say.wrong(&at.key("timeout"), problem);
            return None;
        }
        let wiring = wiring?;
        Some(Installed {
            at: at.clone(),
            runs: wiring.runs,
            spec: AppSpec {
                name: name?,
                inputs: wiring.inputs,
                outputs: wiring.outputs,
                run_on_create: wiring.run_on_create,
                when: when.ok()?,
                timeout: timeout.0,
                on_error: match on_error {
                    raw::OnError::Keep => OnError::Keep,
                    raw::OnError::Clear => OnError::Clear,
                    raw::OnError::Fail => OnError::Fail,
                },
                max_age: wiring.max_age,
            },
            shared: *shared,
        })
    }

    fn built_in(&mut self, written: &raw::App, memo_age: Duration, at: &At) -> Option<Wiring> {
        let kind = self.kind(written, at);
        self.nothing_of_services(written, at);
        let kind = kind?;
        Some(Wiring {
            runs: Runs::BuiltIn(kind),
            inputs: kind.inputs(),
            outputs: kind.outputs(),
            run_on_create: kind.run_on_create(),
            max_age: match written.max_age {
                Some(span) => self.remembered_age(span, memo_age, at).ok()?,
                // One that nobody wrote gives way to a shorter memo.
                None => kind.max_age().map(|age| age.min(memo_age)),
            },
        })
    }

    fn kind(&mut self, written: &raw::App, at: &At) -> Option<BuiltIn> {
        let kind = kind_of(written);
        // A name that was found wrong already, or that `name` will find wrong, is enough said.
        if kind.is_none() && !written.name.is_empty() {
            let names = BuiltIn::ALL.map(BuiltIn::name);
            let problem = Problem::new(format!("no built-in app is called `{}`", written.name))
                .allowed(names.join(", "))
                .did_you_mean(&written.name, &names);
            self.say.wrong(&at.key("name"), problem);
        }
        kind
    }

    /// The age limit of an app whose answers are remembered.
    pub(super) fn remembered_age(
        &mut self,
        span: raw::Span,
        memo_age: Duration,
        at: &At,
    ) -> Result<Option<Duration>, Said> {
        if span.0 <= memo_age {
            return Ok(Some(span.0));
        }
        let problem = Problem::new("`max_age` is longer than the memo keeps an answer");
        let allowed = format!("at most {}, the memo's `max_age`", raw::Span(memo_age));
        self.say.wrong(&at.key("max_age"), problem.allowed(allowed));
        Err(Said)
    }

    fn wired(
        &mut self,
        installed: &[Installed],
        settings: GraphSettings,
        at: &At,
    ) -> Option<(Vec<App>, Graph)> {
        let specs = installed.iter().map(|one| one.spec.clone()).collect();
        let shares = |index: usize| installed.get(index).is_some_and(|one| one.shared);
        let mut runs = installed.iter().map(|one| &one.runs);
        if !installed.is_empty() && runs.all(|runs| matches!(runs, Runs::Http(_))) {
            let problem =
                Problem::new("only apps over HTTP are installed: nobody is ever logged in");
            let problem = problem.allowed("the built-in apps beside them, each by its name");
            self.say.doubtful(&at.key("app"), problem);
        }
        match Graph::try_new(specs, settings, shares) {
            Ok(graph) => {
                let apps = installed.iter().map(|one| App {
                    name: Arc::clone(&one.spec.name),
                    runs: one.runs.clone(),
                });
                Some((apps.collect(), graph))
            }
            Err(errors) => {
                for error in distinct(&errors) {
                    let place = match error {
                        GraphError::SameName(name) | GraphError::SystemOutput { app: name, .. } => {
                            last_named(installed, name, "name")
                        }
                        GraphError::SharedOutput { later, .. } => {
                            last_named(installed, later, "shared")
                        }
                        GraphError::NoRounds => Some(at.key("cycle").key("max_rounds")),
                    };
                    let place = place.unwrap_or_else(|| at.key("app"));
                    self.say.wrong(&place, Problem::new(error.to_string()));
                }
                None
            }
        }
    }
}

/// One error for two apps, however many fields they share; none where one is the other again.
fn distinct(errors: &[GraphError]) -> Vec<&GraphError> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let told = errors.iter().filter(|error| {
        let GraphError::SharedOutput { earlier, later, .. } = error else {
            return true;
        };
        let new = earlier != later && !pairs.contains(&(earlier, later));
        pairs.push((earlier, later));
        new
    });
    told.collect()
}

fn first_line(error: &impl ToString) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.replace("ERROR: <input>:", "at ")
}

fn last_named(installed: &[Installed], name: &str, key: &str) -> Option<At> {
    let mut later = installed.iter().rev();
    let one = later.find(|one| &*one.spec.name == name)?;
    Some(one.at.key(key))
}

fn plain_app(kind: BuiltIn) -> raw::App {
    raw::App {
        name: kind.name().to_owned(),
        ..raw::App::default()
    }
}
