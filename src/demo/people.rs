//! The people of the demo store (contract §17): who can log in, and as what.

use std::fmt;

/// On which side of the counter a person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonKind {
    /// A customer, with a webstore token.
    Shopper,
    /// One of the store's staff, with an admin token.
    Staff,
}

/// Somebody the demo store knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// The user id that the token carries.
    pub id: &'static str,
    /// E-mail, in canonical form.
    pub email: &'static str,
    /// What the pages call them.
    pub name: &'static str,
    /// Shopper or staff.
    pub kind: PersonKind,
    /// What is special about them, in one line.
    pub about: &'static str,
}

/// Everybody, in the order of the login page.
pub const PEOPLE: [Person; 4] = [
    Person {
        id: "11111111-1111-4111-8111-111111111111",
        email: "ana@example.com",
        name: "Ana Lima",
        kind: PersonKind::Shopper,
        about: "Pays by the price table gold, may enter the private channel 3, is in the campaign vip.",
    },
    Person {
        id: "22222222-2222-4222-8222-222222222222",
        email: "bruno@example.com",
        name: "Bruno Dias",
        kind: PersonKind::Shopper,
        about: "A customer like any other: list prices, channels 1 and 2.",
    },
    Person {
        id: "33333333-3333-4333-8333-333333333333",
        email: "agent@demostore.example",
        name: "The agent",
        kind: PersonKind::Staff,
        about: "Staff of the store. May act as a customer.",
    },
    Person {
        id: "44444444-4444-4444-8444-444444444444",
        email: "clerk@demostore.example",
        name: "The clerk",
        kind: PersonKind::Staff,
        about: "Staff too, but may not act as a customer: Vestibule refuses.",
    },
];

impl Person {
    /// The person with this e-mail, however it was typed.
    pub fn find(email: &str) -> Option<&'static Self> {
        let canonical = email.trim().to_ascii_lowercase();
        PEOPLE.iter().find(|person| person.email == canonical)
    }
}

impl fmt::Debug for Person {
    // Without the e-mail: what is printed may end up in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_found_however_their_address_is_typed() {
        assert_eq!(
            Person::find("  Ana@Example.COM ").map(|person| person.name),
            Some("Ana Lima")
        );
        assert_eq!(Person::find("nobody@example.com"), None);
        assert_eq!(Person::find(""), None);
    }

    #[test]
    fn printing_a_person_shows_no_address() {
        assert!(PEOPLE.iter().all(|p| !format!("{p:?}").contains('@')));
    }
}
