//! The control desk: everything a visitor can change about themself, as links and forms.

use super::{current, link};
use crate::demo::html::{Html, fill};
use crate::demo::knowledge::Knowledge;
use crate::demo::people::{PEOPLE, PersonKind};

const CONTROLS: &str = include_str!("controls.html");
const STAFF: &str = include_str!("staff.html");
const POST: &str = include_str!("post.html");

/// Channels of the demo store (contract §17), each with the cultures it offers.
const CHANNELS: [(&str, &str, &[&str]); 4] = [
    ("1", "1 · USA", &["en-US", "es-US"]),
    ("2", "2 · Brazil", &["pt-BR", "en-US"]),
    ("3", "3 · private", &["en-US"]),
    ("4", "4 · closed", &[]),
];

pub(super) fn controls(knowledge: Knowledge<'_>) -> Html {
    let running = knowledge.campaigns();
    let runs = |id: &str| current(running.iter().any(|campaign| campaign == id));
    let brazil = knowledge.value("x-session-country").as_deref() == Some("BRA");
    fill(
        CONTROLS,
        &[
            ("person_title", person_title(knowledge).into()),
            ("person", (&person(knowledge)).into()),
            ("staff", (&staff(knowledge)).into()),
            ("blackfriday", (&runs("black-friday")).into()),
            ("newsletter", (&runs("newsletter")).into()),
            ("channels", (&channels(knowledge)).into()),
            ("cultures", (&cultures(knowledge)).into()),
            (
                "brazil",
                (&Html::written(if brazil { " selected" } else { "" })).into(),
            ),
        ],
    )
}

fn person_title(knowledge: Knowledge<'_>) -> &'static str {
    match knowledge.impersonator() {
        Some(_) => "Staff",
        None => "Log in as",
    }
}

/// Log in as somebody else, or log out. While a customer is impersonated their own login would
/// change nothing that shows, so only the ways out are offered.
fn person(knowledge: Knowledge<'_>) -> Html {
    let shopper = knowledge.shopper();
    let mut choices = Html::new();
    if knowledge.impersonator().is_none() {
        (PEOPLE.iter())
            .filter(|person| shopper.as_deref() != Some(person.name))
            .filter(|person| person.kind == PersonKind::Shopper || !knowledge.staff())
            .for_each(|person| choices.push(&post("/login", person.email, person.name)));
    }
    if shopper.is_some() || knowledge.staff() {
        choices.push(&post("/logout", "", "Log out"));
    }
    choices
}

/// Acting as a customer: offered to staff alone.
fn staff(knowledge: Knowledge<'_>) -> Html {
    if !knowledge.staff() {
        return Html::new();
    }
    let (note, choices) = if knowledge.impersonator().is_some() {
        (
            "Everything in this shop now goes by the customer you act for.",
            post("/impersonate", "", "Stop"),
        )
    } else {
        let customers = PEOPLE.iter().filter(|p| p.kind == PersonKind::Shopper);
        (
            "Offered to anyone of the staff. Vestibule lets the agent, and refuses the clerk.",
            (customers.map(|p| post("/impersonate", p.email, p.name))).collect(),
        )
    };
    fill(
        STAFF,
        &[("note", note.into()), ("choices", (&choices).into())],
    )
}

fn post(action: &str, email: &str, label: &str) -> Html {
    fill(
        POST,
        &[
            ("action", action.into()),
            ("email", email.into()),
            ("label", label.into()),
        ],
    )
}

fn channels(knowledge: Knowledge<'_>) -> Html {
    let in_force = knowledge.value("x-session-channel");
    (CHANNELS.iter())
        .map(|(id, label, _)| link(&format!("sc={id}"), label, in_force.as_deref() == Some(id)))
        .collect()
}

fn cultures(knowledge: Knowledge<'_>) -> Html {
    let in_force = knowledge.value("x-session-culture");
    let channel = knowledge.value("x-session-channel");
    let offered = (CHANNELS.iter())
        .find(|(id, _, _)| channel.as_deref().unwrap_or("1") == *id)
        .map_or(&[][..], |(_, _, cultures)| *cultures);
    (offered.iter())
        .map(|culture| {
            let query = format!("cultureInfo={culture}");
            link(&query, culture, in_force.as_deref() == Some(culture))
        })
        .collect()
}
