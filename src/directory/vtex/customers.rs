//! Customers as Master Data tells them (entity CL).

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::domain::vtexid::canonical_email;
use crate::ports::Customer;

/// The fields that are asked for.
pub(super) const FIELDS: &str = "userId,id,email,firstName,lastName,homePhone,document,priceTables";

/// One document on the wire.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireCustomer {
    user_id: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    home_phone: Option<String>,
    document: Option<String>,
    price_tables: Option<Value>,
}

/// Why a document is no customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum CustomerFault {
    #[error("it has no e-mail address")]
    Email,
}

impl TryFrom<WireCustomer> for Customer {
    type Error = CustomerFault;

    fn try_from(wire: WireCustomer) -> Result<Self, CustomerFault> {
        let said = |text: Option<String>| {
            let text = text?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let email = wire.email.as_deref().and_then(canonical_email);
        Ok(Self {
            // Whoever bought without a login has none.
            id: said(wire.user_id).unwrap_or_default(),
            email: email.ok_or(CustomerFault::Email)?,
            first_name: said(wire.first_name),
            last_name: said(wire.last_name),
            phone: said(wire.home_phone),
            document: said(wire.document),
            price_tables: price_tables(wire.price_tables.as_ref()),
        })
    }
}

/// A list with commas, or a list.
fn price_tables(written: Option<&Value>) -> Vec<String> {
    let texts: Vec<&str> = match written {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut tables: Vec<String> = Vec::new();
    for table in texts.into_iter().map(str::trim) {
        if !table.is_empty() && tables.iter().all(|known| known != table) {
            tables.push(table.to_owned());
        }
    }
    tables
}

/// Whom a search is for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// The user of this id.
    Id(String),
    /// The customer with this address, in canonical form.
    Email(String),
}

impl Who {
    /// The one that was asked for. The search knows wildcards: what merely fits does not count.
    pub(super) fn among(&self, found: Vec<WireCustomer>) -> Option<Customer> {
        let mut customers = found
            .into_iter()
            .filter_map(|wire| Customer::try_from(wire).ok());
        customers.find(|customer| match self {
            Self::Id(id) => customer.id.eq_ignore_ascii_case(id),
            Self::Email(email) => customer.email == *email,
        })
    }
}
