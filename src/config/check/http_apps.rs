//! Apps of the store's own, asked over HTTP: their address, what they declare, what they are told.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Uri;
use url::Url;

use super::apps::Wiring;
use super::{Check, Said};
use crate::config::files::{FileFault, FileKind};
use crate::config::platform::{self, Declared};
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{Runs, Service};
use crate::domain::breaker::BreakerSettings;
use crate::domain::session::Field;
use crate::domain::transform::app::Input;

const URL: &str = "http://host:port or https://host, with a path where the service has one";
const INPUT: &str = "a key such as \"email\", or a regular expression for whole keys";
const OUTPUT: &str = "a key of another namespace than account, cookie, authentication, impersonate";

/// Namespaces by which backends grant things. What only clients said has no place there.
const TRUSTED: [&str; 5] = [
    "profile",
    "store",
    "rnb",
    "checkout",
    "storefront-permissions",
];

const CONCURRENCY: u16 = 64;

impl Check<'_, '_, '_> {
    /// Keys that mean something for a service alone, written for an app that is none.
    pub(super) fn nothing_of_services(&mut self, written: &raw::App, at: &At) {
        let raw::App {
            name: _,
            kind: _,
            enabled: _,
            when: _,
            timeout: _,
            on_error: _,
            max_age: _,
            shared: _,
            url: _,
            configuration,
            input,
            output,
            run_on_create,
            memo,
            raw_cookies,
            token_file,
            retries,
            concurrency,
            breaker,
        } = written;
        let there = [
            ("configuration", configuration.is_some()),
            ("input", input.is_some()),
            ("output", output.is_some()),
            ("run_on_create", run_on_create.is_some()),
            ("memo", memo.is_some()),
            ("raw_cookies", raw_cookies.is_some()),
            ("token_file", token_file.is_some()),
            ("retries", retries.is_some()),
            ("concurrency", concurrency.is_some()),
            ("breaker", breaker.is_some()),
        ];
        for (key, _) in there.into_iter().filter(|(_, there)| *there) {
            let problem = Problem::new(format!("`{key}` is for apps over HTTP"));
            let problem = problem.allowed("together with `url`, the address of the app's service");
            self.say.wrong(&at.key(key), problem);
        }
    }

    pub(super) fn http_app(
        &mut self,
        written: &raw::App,
        memo_age: Duration,
        at: &At,
    ) -> Option<Wiring> {
        if written.kind.is_some() {
            let problem = Problem::new("an app that has a `url` is not built in");
            let problem = problem.allowed("one of `kind` and `url`");
            self.say.wrong(&at.key("kind"), problem);
        }
        let base = self.base(written.url.as_deref().unwrap_or_default(), &at.key("url"));
        let declared = self.declared(written, at);
        if let Some(declared) = &declared {
            self.cookies_of(written, declared, at);
            self.only_hearsay(written, declared, at);
        }
        let token_file = match &written.token_file {
            Some(name) => {
                let file = self.file(&at.key("token_file"), name, FileKind::AppToken);
                file.map(Some).ok_or(Said)
            }
            None => Ok(None),
        };
        let max_age = match written.max_age {
            Some(span) if written.memo == Some(true) => self.remembered_age(span, memo_age, at),
            span => Ok(span.map(|span| span.0)),
        };
        let declared = declared?;
        let run_on_create = written.run_on_create.or(declared.run_on_create);
        let uri = format!("{}/_v/{}/session/transform", base?, declared.app);
        let uri = self.say.read(&at.key("url"), uri.parse::<Uri>(), URL)?;
        let breaker = written.breaker.unwrap_or_default();
        let service = Service {
            uri,
            memo: written.memo.unwrap_or_default(),
            raw_cookies: written.raw_cookies.clone().unwrap_or_default(),
            token_file: token_file.ok()?,
            retries: written.retries.unwrap_or_default().into(),
            concurrency: written.concurrency.unwrap_or(CONCURRENCY).into(),
            breaker: BreakerSettings {
                failures: breaker.failures,
                cool_down: breaker.cool_down.0,
            },
        };
        Some(Wiring {
            runs: Runs::Http(Box::new(service)),
            inputs: declared.inputs,
            outputs: declared.outputs,
            run_on_create: run_on_create.unwrap_or_default(),
            max_age: max_age.ok()?,
        })
    }

    /// The address below which the service answers, without a slash at its end.
    pub(super) fn base(&mut self, text: &str, at: &At) -> Option<String> {
        let url = Url::parse(text).ok();
        let secret = |url: &Url| !url.username().is_empty() || url.password().is_some();
        if url.as_ref().is_some_and(secret) {
            let problem =
                Problem::new("a secret has no place in an address; there is `token_file`");
            let problem = problem.found("an address with a name or a password");
            self.say.wrong(at, problem.allowed(URL));
            return None;
        }
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = match url {
            None => Err("no address of an HTTP service"),
            Some(url) if url.query().is_some() || url.fragment().is_some() => {
                Err("an address below which others lie has no query and no fragment")
            }
            Some(url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        };
        self.say.read(at, base, URL)
    }

    /// What the app declares: in a file of the platform, or here.
    fn declared(&mut self, written: &raw::App, at: &At) -> Option<Declared> {
        let inline = written.input.is_some() || written.output.is_some();
        match &written.configuration {
            Some(_) if inline => {
                let problem = Problem::new("inputs and outputs are in the file and here too");
                let problem = problem.allowed("`configuration`, or `input` and `output`");
                self.say.wrong(&at.key("configuration"), problem);
                None
            }
            Some(file) => self.declared_in_file(file, &written.name, &at.key("configuration")),
            None => self.declared_here(written, at),
        }
    }

    fn declared_in_file(&mut self, file: &str, name: &str, at: &At) -> Option<Declared> {
        if file.is_empty() {
            let problem = Problem::new("`configuration` names no file");
            self.say.wrong(at, problem.allowed("the name of a file"));
            return None;
        }
        let path = self.base.join(file);
        if !self.named.contains(&path) {
            self.named.push(path.clone());
        }
        let (declared, faults) = match self.files.text(&path) {
            Some(Ok(text)) => platform::read(&text, name),
            Some(Err(error)) => {
                let said = format!("the app's configuration cannot be read: {error}");
                (None, vec![FileFault::error(None, said)])
            }
            // Nobody looks into files: what it declares stays open, and all else is checked.
            None => {
                let app = name.to_owned();
                let declared = Declared {
                    app,
                    ..Declared::default()
                };
                (Some(declared), Vec::new())
            }
        };
        let named_at = self.say.written_at(at);
        for fault in faults {
            self.say
                .add(fault.into_finding(&path, at, named_at.as_deref()));
        }
        declared
    }

    fn declared_here(&mut self, written: &raw::App, at: &At) -> Option<Declared> {
        let read_input = |namespace: &str, key: &str| Input::read(namespace, key);
        let inputs =
            self.declared_keys(written.input.as_ref(), &at.key("input"), INPUT, read_input);
        let outputs = self.declared_keys(
            written.output.as_ref(),
            &at.key("output"),
            OUTPUT,
            platform::output,
        );
        let inputs = inputs?;
        if inputs.is_empty() && written.run_on_create != Some(true) {
            let problem = Problem::new("the app watches nothing: it would never be called");
            let allowed = "a `configuration`, an `input`, or `run_on_create = true`";
            self.say
                .unmatched(&at.key("input"), problem.allowed(allowed));
            return None;
        }
        Some(Declared {
            app: written.name.clone(),
            inputs,
            outputs: outputs?,
            run_on_create: None,
        })
    }

    fn declared_keys<T, E: ToString>(
        &mut self,
        written: Option<&BTreeMap<String, Vec<String>>>,
        at: &At,
        allowed: &str,
        read: impl Fn(&str, &str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let mut all = Vec::new();
        let mut good = true;
        for (namespace, keys) in written.into_iter().flatten() {
            for (index, key) in keys.iter().enumerate() {
                let at = at.key(namespace).index(index);
                match self.say.read(&at, read(namespace, key), allowed) {
                    Some(one) => all.push(one),
                    None => good = false,
                }
            }
        }
        good.then_some(all)
    }

    /// An app is told of cookies by name alone, and what hangs on one is not remembered.
    fn cookies_of(&mut self, written: &raw::App, declared: &Declared, at: &At) {
        let watched = declared.inputs.iter();
        let watched: Vec<&Input> = watched
            .filter(|input| input.namespace() == "cookie")
            .collect();
        if written.memo == Some(true) && !watched.is_empty() {
            let problem = Problem::new("what hangs on a cookie is not remembered");
            let allowed = "`memo = false`, or inputs without the namespace `cookie`";
            self.say.wrong(&at.key("memo"), problem.allowed(allowed));
        }
        let told: Vec<Option<Field>> = (written.raw_cookies.iter().flatten())
            .map(|name| Field::new("cookie", name).ok())
            .collect();
        let is_told = |input: &Input| told.iter().flatten().any(|field| input.watches(field));
        let at = at.key("raw_cookies");
        if let Some(input) = watched.iter().find(|input| !is_told(input)) {
            let shown = input.shown();
            let problem = Problem::new(format!(
                "`{shown}` has the app called, and is not told to it"
            ));
            let problem = problem.allowed("the cookie's name in `raw_cookies`");
            self.say.doubtful(&at, problem);
        }
        // What a file declares that nobody looks into stays open.
        if declared.inputs.is_empty() && written.configuration.is_some() {
            return;
        }
        for (index, field) in told.iter().enumerate() {
            let field = field.as_ref();
            if !field.is_some_and(|field| watched.iter().any(|input| input.watches(field))) {
                let problem = Problem::new("no input of the app is this cookie");
                let problem = problem.allowed("a cookie that the app declares as an input");
                self.say.doubtful(&at.index(index), problem);
            }
        }
    }

    /// An app that hears nothing but what clients say cannot know what backends are to believe.
    fn only_hearsay(&mut self, written: &raw::App, declared: &Declared, at: &At) {
        let hearsay = |input: &Input| input.namespace() == "public";
        if declared.inputs.is_empty() || !declared.inputs.iter().all(hearsay) {
            return;
        }
        let trusted = |field: &&Field| TRUSTED.contains(&field.namespace());
        let Some(field) = declared.outputs.iter().find(trusted) else {
            return;
        };
        let key = match written.configuration {
            Some(_) => "configuration",
            None => "output",
        };
        let problem = Problem::new(format!(
            "all inputs of the app are `public`: whatever it writes to `{field}` may be what a client \
             said"
        ));
        let problem =
            problem.allowed("an input that says who the shopper is, such as profile.email");
        self.say.doubtful(&at.key(key), problem);
    }
}
