//! The platform: its address, credentials and ages.

use std::time::Duration;

use url::{Host, Url};

use super::{Check, Said};
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw::{self, Secret};
use crate::config::tree::At;
use crate::config::values::{Lookups, SecretSource, Vtex};
use crate::directory::is_culture;
use crate::domain::freshness::Ages;

/// A list that is fetched more often than this costs its source more than it tells.
const OFTENEST: Duration = Duration::from_secs(10);
const ADDRESS: &str = "an address such as https://shop.vtexcommercestable.com.br";

impl Check<'_, '_, '_> {
    pub(super) fn vtex(
        &mut self,
        written: &raw::VtexDirectory,
        name: &str,
        lookups: Lookups,
        at: &At,
    ) -> Option<Vtex> {
        let raw::VtexDirectory {
            address,
            account,
            default_channel,
            cultures,
            app_key_file,
            app_token_file,
            app_key,
            app_token,
            folder,
            campaigns_every,
            fresh,
            refreshing,
            on_error,
            nothing,
        } = written;
        let base = self.address_of(address, &at.key("address"));
        let key = self.secret((app_key.as_ref(), app_key_file.as_deref()), "app_key", at);
        let token = (app_token.as_ref(), app_token_file.as_deref());
        let token = self.secret(token, "app_token", at);
        let credentials = match (key, token) {
            (Ok(key), Ok(token)) => self.pair(key, token, lookups, at),
            _ => Err(Said),
        };
        let account = account.as_deref().unwrap_or(name);
        let named = self.name(&at.key("account"), account);
        let good = self.cultures(cultures, &at.key("cultures"))
            & self.ages(written, at)
            & self.is_channel(default_channel, &at.key("default_channel"));
        let folder = self.file(&at.key("folder"), folder, FileKind::DirectoryFolder);
        good.then_some(())?;
        Some(Vtex {
            address: base?,
            account: named?.to_string(),
            default_channel: default_channel.clone(),
            cultures: cultures.clone(),
            credentials: credentials.ok()?,
            folder: folder?,
            campaigns_every: campaigns_every.0,
            ages: Ages::new(fresh.0, refreshing.0, on_error.0),
            nothing: nothing.0,
            lookups,
        })
    }

    /// An address below which others lie, without a slash at its end.
    pub(super) fn address_of(&mut self, text: &str, at: &At) -> Option<String> {
        let url = Url::parse(text).ok();
        let secret = |url: &Url| !url.username().is_empty() || url.password().is_some();
        if url.as_ref().is_some_and(secret) {
            let problem = Problem::new("a secret has no place in an address");
            let problem = problem.found("an address with a name or a password");
            self.say.wrong(at, problem.allowed(ADDRESS));
            return None;
        }
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = match &url {
            None => Err("no address of an HTTP service"),
            Some(url) if url.query().is_some() || url.fragment().is_some() => {
                Err("this address has no query and no fragment")
            }
            Some(url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        };
        if url.is_some_and(|url| url.scheme() == "http" && !is_loopback(&url)) {
            let problem = Problem::new("tokens and customers' data would go in the clear");
            self.say.doubtful(at, problem.allowed("https://"));
        }
        self.say.read(at, base, ADDRESS)
    }

    /// A secret: in a file, or in a variable and in no file of the configuration.
    fn secret(
        &mut self,
        (itself, file): (Option<&Secret>, Option<&str>),
        key: &str,
        at: &At,
    ) -> Result<Option<SecretSource>, Said> {
        let of_file = format!("{key}_file");
        if let Some(secret) = itself {
            let at = at.key(key);
            if !self.say.is_variable(&at) {
                let problem = Problem::new("a secret has no place in a configuration's file");
                let problem = problem.found("\"***\"");
                let allowed = format!(
                    "`{of_file}`, or a variable VESTIBULE__…__{}",
                    key.to_uppercase()
                );
                self.say.wrong(&at, problem.allowed(allowed));
                return Err(Said);
            }
            return Ok(Some(SecretSource::Variable(secret.clone())));
        }
        match file {
            Some(name) => {
                let file = self.file(&at.key(&of_file), name, FileKind::Credential);
                file.map(SecretSource::File).map(Some).ok_or(Said)
            }
            None => Ok(None),
        }
    }

    fn pair(
        &mut self,
        key: Option<SecretSource>,
        token: Option<SecretSource>,
        lookups: Lookups,
        at: &At,
    ) -> Result<Option<(SecretSource, SecretSource)>, Said> {
        let needed = lookups.customers || lookups.campaigns || lookups.permissions;
        match (key, token) {
            (Some(key), Some(token)) => Ok(Some((key, token))),
            (None, None) if !needed => Ok(None),
            (key, _) => {
                let missing = if key.is_none() {
                    "app_key"
                } else {
                    "app_token"
                };
                let problem = Problem::new(
                    "customers, campaigns and permissions need an app key and its token",
                );
                let allowed = format!("`{missing}_file`, or `{missing}` in a variable");
                self.say.unmatched(at, problem.allowed(allowed));
                Err(Said)
            }
        }
    }

    fn cultures(
        &mut self,
        written: &std::collections::BTreeMap<String, Vec<String>>,
        at: &At,
    ) -> bool {
        let mut good = true;
        for (channel, tags) in written {
            for (index, tag) in tags.iter().enumerate() {
                if !is_culture(tag) {
                    let problem = Problem::new("no culture").allowed("a culture such as en-US");
                    self.say.wrong(&at.key(channel).index(index), problem);
                    good = false;
                }
            }
        }
        good
    }

    fn is_channel(&mut self, id: &str, at: &At) -> bool {
        let good = (1..=9).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
        if !good {
            let problem = Problem::new("no trade policy has such an id").allowed("a number, \"1\"");
            self.say.wrong(at, problem);
        }
        good
    }

    fn ages(&mut self, written: &raw::VtexDirectory, at: &At) -> bool {
        let mut good = true;
        for (key, age, name, least) in [
            ("refreshing", written.refreshing, "fresh", written.fresh),
            (
                "on_error",
                written.on_error,
                "refreshing",
                written.refreshing,
            ),
        ] {
            if age < least {
                let problem = Problem::new(format!("`{key}` is shorter than `{name}`"));
                let allowed = format!("{least} or more");
                self.say.wrong(&at.key(key), problem.allowed(allowed));
                good = false;
            }
        }
        if written.campaigns_every.0 < OFTENEST {
            let problem = Problem::new("the whole list would be fetched without a pause");
            self.say
                .wrong(&at.key("campaigns_every"), problem.allowed("10s or more"));
            good = false;
        }
        good
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
