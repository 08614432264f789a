//! Behaviour of the configuration as a whole: what is said about bad ones, what good ones mean.

mod layering;
mod messages;
mod schema;
mod shipped;

use std::path::Path;

use super::{Layers, Loaded, Report, Unseen, load};

/// A configuration with nothing but what is required.
const SMALL: &str = r#"
[[account]]
name = "shop"
id = "5b1f0c1e-8a54-4f0e-9d0b-6a2f2f6b7c11"
hosts = ["shop.example.com"]
authentication.jwks = ["jwks.json"]

[[account.upstream]]
name = "storefront"
addresses = ["127.0.0.1:8081"]
"#;

fn loaded(text: &str) -> Result<Loaded, Report> {
    load(&Layers::text("shop.toml", text, Path::new("")), &Unseen)
}

/// The report of a text, errors or warnings.
fn said(text: &str) -> String {
    match loaded(text) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(report) => report.to_string(),
    }
}

fn good(text: &str) -> Loaded {
    loaded(text).unwrap_or_else(|report| panic!("{report}"))
}
