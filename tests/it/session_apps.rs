//! Session apps over HTTP, through the whole proxy, with a strict service in their place.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Service, Shop, Shopper};

mod calls;
pub(crate) mod example;
mod faults;
mod published;

/// A shop with an app of its own, and the app's service.
#[derive(Debug)]
struct Store {
    shop: Arc<Shop>,
    service: Service,
    _folder: TempDir,
}

impl Store {
    /// An app that is declared by a file in the platform's shape.
    async fn of_file(name: &str, file: &Value, over: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("configuration.json");
        std::fs::write(&path, file.to_string()).unwrap();
        let service = Service::start().await;
        let app = entry(name, &service.url(), &format!("configuration = {path:?}\n"));
        let shop = Shop::with(&format!("{app}{over}")).await;
        Self {
            shop,
            service,
            _folder: folder,
        }
    }

    /// `public.facets` in, `search.facets` out, and a header that shows it to the backend.
    async fn with_search(more: &str, over: &str) -> Self {
        let service = Service::start().await;
        let url = service.url();
        Self::at(service, &url, more, over).await
    }

    /// The same with its service at another address.
    async fn at(service: Service, url: &str, more: &str, over: &str) -> Self {
        let app = entry("search", url, &format!("{SEARCH}{more}"));
        let shop = Shop::with(&format!("{app}{FACETS}{over}")).await;
        Self {
            shop,
            service,
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    fn shopper(&self) -> Shopper {
        Shopper::new(&self.shop)
    }

    /// A header that the backend got with the last request.
    fn backend_got(&self, name: &str) -> Option<String> {
        self.shop.origin.last().header(name).map(str::to_owned)
    }

    /// Whether a line stands in the metrics.
    fn counts(&self, line: &str) {
        let metrics = self.shop.metrics();
        assert!(
            metrics.lines().any(|one| one == line),
            "{line} in\n{}",
            metrics
                .lines()
                .filter(|line| line.contains("_app_") || line.contains("events"))
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
}

const SEARCH: &str = "input = { public = [\"facets\"] }\noutput = { search = [\"facets\"] }\n";

const FACETS: &str = "[account.inputs]\nquery = [\"sc\", \"facets\", \"utm_*\"]\n\
    [account.headers.map]\n\"x-app-facets\" = \"search.facets\"\n";

fn entry(name: &str, url: &str, more: &str) -> String {
    format!("[[account.app]]\nname = {name:?}\nurl = {url:?}\n{more}")
}

/// The configuration of a published app, as it stands in its repository.
fn published(name: &str) -> Value {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/session-app-configurations.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut files = all.as_object().unwrap().values();
    let file = files.find(|file| file.get(name).is_some());
    file.unwrap_or_else(|| panic!("no published app {name}"))
        .clone()
}
