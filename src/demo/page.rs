//! The pages: what is known of the sender, put into compiled-in templates.

mod controls;
mod knows;
mod shop;
mod time;

use http::StatusCode;

use super::html::{Html, Slot, fill};
use super::knowledge::Knowledge;
use super::people::{PEOPLE, Person};
use super::storefront::StorefrontSettings;
use crate::domain::time::Millis;

pub(super) use shop::shop;

const LAYOUT: &str = include_str!("page/layout.html");
const WHO: &str = include_str!("page/who.html");
const STRIP: &str = include_str!("page/strip.html");
const LOGIN: &str = include_str!("page/login.html");
const PERSON: &str = include_str!("page/person.html");
const ACCOUNT: &str = include_str!("page/account.html");
const FACT: &str = include_str!("page/fact.html");
const MESSAGE: &str = include_str!("page/message.html");

/// What the start page is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) received: Millis,
    pub(super) settings: &'a StorefrontSettings,
}

/// The frame around every page.
fn layout(title: &str, knowledge: Knowledge<'_>, body: &Html) -> Html {
    fill(
        LAYOUT,
        &[
            ("title", title.into()),
            ("who", (&who(knowledge)).into()),
            ("strip", (&strip(knowledge)).into()),
            ("body", body.into()),
        ],
    )
}

fn who(knowledge: Knowledge<'_>) -> Html {
    let staff = || knowledge.staff().then(|| "Staff".to_owned());
    match knowledge.shopper().or_else(staff) {
        Some(name) => fill(WHO, &[("name", (&name).into())]),
        None => Html::written(r#"<a class="pill" href="/login">Log in</a>"#),
    }
}

fn strip(knowledge: Knowledge<'_>) -> Html {
    let Some(impersonator) = knowledge.impersonator() else {
        return Html::new();
    };
    let customer = knowledge.shopper().unwrap_or_else(|| "a customer".into());
    fill(
        STRIP,
        &[
            ("impersonator", (&impersonator).into()),
            ("customer", (&customer).into()),
        ],
    )
}

/// The login page; `unknown` is the e-mail that nobody has.
pub(super) fn login(knowledge: Knowledge<'_>, return_to: &str, unknown: Option<&str>) -> Html {
    let problem = unknown.map_or_else(Html::new, |email| {
        fill(
            r#"<p class="problem" role="alert">Nobody here has the e-mail <bdi>“{{email}}”</bdi>. (401)</p>"#,
            &[("email", email.into())],
        )
    });
    let people: Html = PEOPLE.iter().map(person).collect();
    let body = fill(
        LOGIN,
        &[
            ("problem", (&problem).into()),
            ("return_to", return_to.into()),
            ("people", (&people).into()),
        ],
    );
    layout("Log in", knowledge, &body)
}

fn person(person: &Person) -> Html {
    fill(
        PERSON,
        &[
            ("email", person.email.into()),
            ("name", person.name.into()),
            ("about", person.about.into()),
        ],
    )
}

/// The account page of a shopper who is logged in.
pub(super) fn account(knowledge: Knowledge<'_>) -> Html {
    let name = knowledge.shopper().unwrap_or_else(|| "Your account".into());
    let tables = knowledge.price_tables().join(", ");
    let facts = [
        ("E-mail", knowledge.value("x-session-user-email")),
        ("Customer id", knowledge.value("x-session-user-id")),
        ("Price tables", Some(tables).filter(|t| !t.is_empty())),
        ("Channel", knowledge.value("x-session-channel")),
        ("Acting for you", knowledge.impersonator()),
    ];
    let facts: Html = (facts.into_iter())
        .filter_map(|(label, value)| Some((label, value?)))
        .map(|(label, value)| fill(FACT, &[("label", label.into()), ("value", (&value).into())]))
        .collect();
    let body = fill(
        ACCOUNT,
        &[("name", (&name).into()), ("facts", (&facts).into())],
    );
    layout("My account", knowledge, &body)
}

/// A page that says one thing, mostly why something was not done.
pub(super) fn message(
    knowledge: Knowledge<'_>,
    status: StatusCode,
    (title, text): (&str, &str),
) -> Html {
    let body = fill(
        MESSAGE,
        &[
            ("status", status.as_str().into()),
            ("title", title.into()),
            ("text", text.into()),
        ],
    );
    layout(title, knowledge, &body)
}

/// The mark of the choice that is in force.
fn current(in_force: bool) -> Html {
    Html::written(if in_force {
        r#" aria-current="true""#
    } else {
        ""
    })
}

/// A link of the control desk to `/?query`.
fn link(query: &str, label: &str, in_force: bool) -> Html {
    let mark = current(in_force);
    let slots: [(&str, Slot<'_>); 3] = [
        ("query", query.into()),
        ("current", (&mark).into()),
        ("label", label.into()),
    ];
    fill(include_str!("page/link.html"), &slots)
}
