//! The customers and the staff of a directory file.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::channels::{ChannelList, Views};
use super::walk::{Entry, Written};
use crate::domain::vtexid::canonical_email;
use crate::ports::{Channels, Customer};

const CUSTOMER_KEYS: [&str; 8] = [
    "id",
    "email",
    "first_name",
    "last_name",
    "phone",
    "document",
    "price_tables",
    "channels",
];

/// Reads an e-mail that must be there, in canonical form.
fn require_email(entry: &Entry<'_>) -> Option<Written<String>> {
    let text = entry.require_text("email")?;
    let email = read_email(entry, text);
    email.map(|value| Written { value, at: text.at })
}

/// The canonical form of a written e-mail; without one it is a mistake.
pub(super) fn read_email(entry: &Entry<'_>, text: Written<&str>) -> Option<String> {
    let email = canonical_email(text.value);
    if email.is_none() {
        entry.wrong(text.at, "this is no e-mail address");
    }
    email
}

/// The customers, by id and by e-mail.
#[derive(Default)]
pub(super) struct Customers {
    by_id: HashMap<String, Arc<Customer>>,
    by_email: HashMap<String, (Arc<Customer>, Arc<Channels>)>,
}

impl Customers {
    /// Reads `[[customer]]`.
    pub(super) fn read(root: &Entry<'_>, channels: &ChannelList, views: &mut Views) -> Self {
        let mut customers = Self::default();
        for entry in root.entries("customer", &CUSTOMER_KEYS) {
            let (id, email) = (entry.require_id("id"), require_email(&entry));
            let private = channels.read_references(&entry, "channels");
            let optional = |key| entry.text(key).map(|text| text.value.to_owned());
            let customer = Arc::new(Customer {
                id: id.map(|id| id.value.to_owned()).unwrap_or_default(),
                email: email
                    .as_ref()
                    .map(|email| email.value.clone())
                    .unwrap_or_default(),
                first_name: optional("first_name"),
                last_name: optional("last_name"),
                phone: optional("phone"),
                document: optional("document"),
                price_tables: entry
                    .ids("price_tables")
                    .iter()
                    .map(|name| name.value.to_owned())
                    .collect(),
            });
            let seen = views.of(channels, &private);
            customers.add(&entry, &customer, (id, email), seen);
        }
        customers
    }

    fn add(
        &mut self,
        entry: &Entry<'_>,
        customer: &Arc<Customer>,
        (id, email): (Option<Written<&str>>, Option<Written<String>>),
        seen: Arc<Channels>,
    ) {
        if let Some(id) = id {
            let earlier = self.by_id.insert(id.value.to_owned(), Arc::clone(customer));
            if earlier.is_some() {
                entry.wrong(id.at, format!("another customer has the id `{}`", id.value));
            }
        }
        if let Some(email) = email {
            let customer = Arc::clone(customer);
            if self
                .by_email
                .insert(email.value, (customer, seen))
                .is_some()
            {
                entry.wrong(email.at, "another customer has this e-mail");
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<Customer>> {
        self.by_id.get(id)
    }

    pub(super) fn by_email(&self, email: &str) -> Option<&Arc<Customer>> {
        self.by_email.get(email).map(|(customer, _)| customer)
    }

    /// The channels as the customer of this e-mail sees them.
    pub(super) fn channels_of(&self, email: &str) -> Option<&Arc<Channels>> {
        self.by_email.get(email).map(|(_, channels)| channels)
    }
}

/// The staff, by e-mail, with whether each may act as a customer.
#[derive(Default)]
pub(super) struct Staff(BTreeMap<String, bool>);

impl Staff {
    /// Reads `[[staff]]`.
    pub(super) fn read(root: &Entry<'_>) -> Self {
        let mut staff = Self::default();
        for entry in root.entries("staff", &["email", "may_impersonate"]) {
            let may = entry.flag("may_impersonate", false);
            let Some(email) = require_email(&entry) else {
                continue;
            };
            if staff.0.insert(email.value, may).is_some() {
                entry.wrong(email.at, "another member of staff has this e-mail");
            }
        }
        staff
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn may_impersonate(&self, email: &str) -> bool {
        self.0.get(email).copied().unwrap_or(false)
    }
}
