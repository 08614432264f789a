//! The six built-in apps as the configuration knows them: names, inputs, outputs (contract §5).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::session::Field;
use crate::domain::session::field::known;
use crate::domain::transform::app::Input;

const MINUTE: Duration = Duration::from_mins(1);

/// A built-in app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuiltIn {
    /// Picks the trade policy.
    Store,
    /// Verifies the login token.
    Authentication,
    /// Loads the customer.
    Profile,
    /// Finds the campaigns that fit.
    Rnb,
    /// Finds the region.
    Checkout,
    /// Lets staff act as a customer.
    Impersonate,
}

impl BuiltIn {
    /// All of them, in the order in which an account that names none has them.
    pub const ALL: [Self; 6] = [
        Self::Store,
        Self::Authentication,
        Self::Impersonate,
        Self::Profile,
        Self::Rnb,
        Self::Checkout,
    ];

    /// Its name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Authentication => "authentication",
            Self::Profile => "profile",
            Self::Rnb => "rnb",
            Self::Checkout => "checkout",
            Self::Impersonate => "impersonate",
        }
    }

    /// The built-in app of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it watches.
    ///
    /// # Panics
    /// Never: the patterns are written here and tested.
    pub fn inputs(self) -> Vec<Input> {
        let (fields, patterns) = self.watched();
        let fields = fields.iter().map(|name| Input::Field(known(name)));
        let patterns = patterns.iter().map(|(namespace, key)| {
            Input::read(namespace, key).expect("patterns in the program are well formed")
        });
        fields.chain(patterns).collect()
    }

    const fn watched(
        self,
    ) -> (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    ) {
        match self {
            Self::Store => (
                &[
                    "public.cultureInfo",
                    "public.sc",
                    "public.locale",
                    "public.admin_cultureInfo",
                    "profile.email",
                    "profile.isAuthenticated",
                ],
                &[],
            ),
            Self::Authentication => (
                &["cookie.VtexIdclientAutCookie"],
                &[("cookie", "VtexIdclientAutCookie_.*")],
            ),
            Self::Profile => (
                &[
                    "public.storeUserEmail",
                    "authentication.storeUserId",
                    "impersonate.storeUserId",
                ],
                &[],
            ),
            Self::Rnb => (
                &[
                    "profile.email",
                    "public.utm_source",
                    "public.utm_campaign",
                    "public.postalCode",
                    "store.channel",
                ],
                &[],
            ),
            Self::Checkout => (
                &[
                    "public.regionId",
                    "public.country",
                    "public.postalCode",
                    "public.geoCoordinates",
                ],
                &[],
            ),
            Self::Impersonate => (
                &[
                    "public.vtex-impersonated-customer-email",
                    "cookie.vtex-impersonated-customer-email",
                    "authentication.adminUserEmail",
                ],
                &[],
            ),
        }
    }

    /// What it may write.
    pub fn outputs(self) -> Vec<Field> {
        let names: &[&'static str] = match self {
            Self::Store => &[
                "store.channel",
                "store.countryCode",
                "store.cultureInfo",
                "store.currencyCode",
                "store.currencySymbol",
                "store.channelPrivacy",
                "store.admin_cultureInfo",
            ],
            Self::Authentication => &[
                "authentication.adminUserId",
                "authentication.adminUserEmail",
                "authentication.storeUserId",
                "authentication.storeUserEmail",
            ],
            Self::Profile => &[
                "profile.id",
                "profile.email",
                "profile.firstName",
                "profile.lastName",
                "profile.phone",
                "profile.document",
                "profile.priceTables",
                "profile.isAuthenticated",
            ],
            Self::Rnb => &["rnb.campaigns"],
            Self::Checkout => &["checkout.regionId"],
            Self::Impersonate => &[
                "impersonate.storeUserId",
                "impersonate.storeUserEmail",
                "impersonate.canImpersonate",
                "impersonate.account",
                "public.vtex-impersonated-customer-email",
            ],
        };
        names.iter().map(|name| known(name)).collect()
    }

    /// Whether it is called when a session is created.
    pub const fn run_on_create(self) -> bool {
        matches!(self, Self::Store)
    }

    /// After how long its outputs are looked up again; none: when what it looked up says so.
    pub const fn max_age(self) -> Option<Duration> {
        match self {
            Self::Impersonate => Some(MINUTE),
            Self::Store | Self::Profile | Self::Rnb => Some(MINUTE.saturating_mul(10)),
            Self::Authentication | Self::Checkout => None,
        }
    }
}
