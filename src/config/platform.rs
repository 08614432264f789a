//! A session app's configuration as the platform has it, `vtex.session/configuration.json`:
//! `{"APP":{"input":{NAMESPACE:[KEY]},"output":{NAMESPACE:[KEY]}}}`, `output` optional.

use serde_json::value::RawValue;

use super::files::FileFault;
use crate::domain::json::{JsonError, Members, kind_of, position_of};
use crate::domain::session::Field;
use crate::domain::transform::app::Input;

/// Namespaces that no app over HTTP writes: the system's, and those that say who acts.
pub(super) const CLOSED: [&str; 4] = ["account", "cookie", "authentication", "impersonate"];

const RUN_ON_CREATE: [&str; 2] = ["runOnCreate", "RunOnCreate"];

/// What an app declares.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    /// Its name in the route of its transform.
    pub(super) app: String,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Field>,
    pub(super) run_on_create: Option<bool>,
}

/// Reads what the app `wanted` declares, or the only app of the file, whatever it is called.
pub(super) fn read(text: &str, wanted: &str) -> (Option<Declared>, Vec<FileFault>) {
    let mut reading = Reading {
        text,
        faults: Vec::new(),
    };
    let declared = reading.file(wanted);
    (declared, reading.faults)
}

/// A key that an app may write, or why it may not.
pub(super) fn output(namespace: &str, key: &str) -> Result<Field, String> {
    if CLOSED.contains(&namespace) {
        return Err(format!(
            "`{namespace}` is written by no app over HTTP, it belongs to the system"
        ));
    }
    match Input::read(namespace, key) {
        Ok(Input::Field(field)) => Ok(field),
        Ok(Input::Keys { .. }) => Err("an output is one key and no pattern".to_owned()),
        Err(error) => Err(error.to_string().replace("input", "output")),
    }
}

/// A name that can stand in the route of a transform.
pub(super) fn is_route_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && name.bytes().all(plain) && !matches!(name, "." | "..")
}

struct Reading<'t> {
    text: &'t str,
    faults: Vec<FileFault>,
}

impl<'t> Reading<'t> {
    fn file(&mut self, wanted: &str) -> Option<Declared> {
        let apps = match Members::read(self.text) {
            Ok(apps) => apps,
            Err(error) => {
                let position = match error {
                    JsonError::Syntax { line, column } => Some((line, column.max(1))),
                    _ => None,
                };
                let said = format!("the app's configuration is {error}");
                self.faults.push(FileFault::error(position, said));
                return None;
            }
        };
        let mut all = apps.iter();
        let only = all.next().filter(|_| all.next().is_none());
        let named = apps.iter().find(|(name, _)| *name == wanted);
        let Some((name, app)) = named.or(only) else {
            let there: Vec<&str> = apps.iter().map(|(name, _)| name).collect();
            let said = if there.is_empty() {
                "the file holds no app".to_owned()
            } else {
                let there = there.join(", ");
                format!("none of the file's apps is called `{wanted}`: {there}")
            };
            self.faults.push(FileFault::error(None, said));
            return None;
        };
        if !is_route_name(name) {
            let said =
                format!("`{name}` cannot stand in a route; letters, digits, `-`, `_` and `.` can");
            self.wrong(app, said);
        }
        self.app(name, app)
    }

    fn app(&mut self, name: &str, app: &'t RawValue) -> Option<Declared> {
        let members = self.members(app, &format!("`{name}`"))?;
        let mut declared = Declared {
            app: name.to_owned(),
            ..Declared::default()
        };
        for (key, value) in members.iter() {
            match key {
                "input" => self.keys(value, "input", |namespace, key| {
                    let input = Input::read(namespace, key).map_err(|error| error.to_string())?;
                    declared.inputs.push(input);
                    Ok(())
                }),
                "output" => self.keys(value, "output", |namespace, key| {
                    declared.outputs.push(output(namespace, key)?);
                    Ok(())
                }),
                key if RUN_ON_CREATE.contains(&key) => match value.get() {
                    "true" => declared.run_on_create = Some(true),
                    "false" => declared.run_on_create = Some(false),
                    other => {
                        let said = format!("`{key}` is {}, not true or false", kind_of(other));
                        self.wrong(value, said);
                    }
                },
                other => {
                    let said = format!("`{other}` means nothing here and is left out");
                    let position = Some(position_of(self.text, value));
                    self.faults.push(FileFault::warning(position, said));
                }
            }
        }
        let reads_nothing = declared.inputs.is_empty() && declared.run_on_create != Some(true);
        if reads_nothing && self.faults.is_empty() {
            self.wrong(
                app,
                format!("`{name}` watches nothing: it would never be called"),
            );
        }
        Some(declared)
    }

    /// The keys of `input` or `output`, namespace by namespace.
    fn keys(
        &mut self,
        value: &'t RawValue,
        what: &str,
        mut take: impl FnMut(&str, &str) -> Result<(), String>,
    ) {
        let Some(namespaces) = self.members(value, &format!("`{what}`")) else {
            return;
        };
        for (namespace, list) in namespaces.iter() {
            let Ok(keys) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else {
                let kind = kind_of(list.get());
                let said = format!("`{what}.{namespace}` is {kind}, not a list of keys");
                self.wrong(list, said);
                continue;
            };
            for written in keys {
                let Ok(key) = serde_json::from_str::<String>(written.get()) else {
                    let kind = kind_of(written.get());
                    self.wrong(
                        written,
                        format!("a key of `{what}.{namespace}` is {kind}, not a text"),
                    );
                    continue;
                };
                if let Err(why) = take(namespace, &key) {
                    self.wrong(written, format!("`{what}`, `{namespace}.{key}`: {why}"));
                }
            }
        }
    }

    fn members(&mut self, value: &'t RawValue, what: &str) -> Option<Members<'t>> {
        match Members::read(value.get()) {
            Ok(members) => Some(members),
            Err(error) => {
                self.wrong(value, format!("{what} is {error}"));
                None
            }
        }
    }

    fn wrong(&mut self, value: &RawValue, said: String) {
        let position = Some(position_of(self.text, value));
        self.faults.push(FileFault::error(position, said));
    }
}
