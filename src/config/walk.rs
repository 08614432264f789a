//! The tree against the schema: unknown keys, wrong types, wrong words, numbers out of range.
//!
//! What is wrong is marked damaged, so that the rest can be read and checked all the same.

use super::problems::{Problem, Problems};
use super::raw::{CookieAge, Size, Span};
use super::schema::Part;
use super::tree::{At, Kind, Node, Place};

const SPAN: &str = "a span of time such as \"30m\", \"1h 30m\", \"500ms\", or whole seconds";
const SIZE: &str = "a size such as \"32KiB\", \"16MiB\", or whole bytes";

/// Checks a value, and everything in it.
pub(super) fn walk(node: &mut Node, part: Part, at: &At, problems: &mut Problems<'_>) {
    adopt_variable_text(node, part, problems);
    if !is_of_type(&node.kind, part) {
        let problem = Problem::new("a value of the wrong type")
            .found(node.shown_at(at))
            .allowed(allowed_types(part));
        return damage(node, at, problem, problems);
    }
    let verdict = match &mut node.kind {
        Kind::Table(_) => return walk_table(node, part, at, problems),
        Kind::List(items) => {
            let (count, least) = (items.len(), part.min_items());
            for (index, item) in items.iter_mut().enumerate() {
                if let Some(part) = part.items() {
                    walk(item, part, &at.index(index), problems);
                }
            }
            if count >= least {
                return;
            }
            Err(("an empty list", format!("at least {least} entry")))
        }
        Kind::Text(text) => check_text(text, part),
        Kind::Integer(number) => check_number(*number, part),
        _ => Ok(()),
    };
    if let Err((what, allowed)) = verdict {
        let mut problem = Problem::new(what).found(node.shown_at(at)).allowed(allowed);
        if let Kind::Text(text) = &node.kind {
            let words: Vec<&str> = part.words().into_iter().map(|(word, _)| word).collect();
            problem = problem.did_you_mean(text, &words);
        }
        damage(node, at, problem, problems);
    }
}

fn walk_table(node: &mut Node, part: Part, at: &At, problems: &mut Problems<'_>) {
    let place = node.place.clone();
    let Kind::Table(table) = &mut node.kind else {
        return;
    };
    for (key, (key_place, value)) in table.iter_mut() {
        if let Some(part) = part.property(key) {
            walk(value, part, &at.key(key), problems);
        } else {
            let problem = unknown_key(key, part, at);
            problems.structural(key_place, &at.key(key), problem);
            value.kind = Kind::Damaged;
        }
    }
    let missing: Vec<&str> = part
        .required()
        .filter(|key| !table.contains_key(*key))
        .collect();
    for key in missing {
        let problem = Problem::new(format!("`{key}` is missing {}", table_name(at)));
        problems.absence(&place, &at.key(key), problem);
        // Absent and already reported: what follows need not say so again.
        let damaged = Node {
            kind: Kind::Damaged,
            place: place.clone(),
        };
        table.insert(key.to_owned(), (place.clone(), damaged));
    }
}

fn unknown_key(key: &str, part: Part, at: &At) -> Problem {
    let mut known: Vec<&str> = part
        .properties()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    known.sort_unstable();
    Problem::new(format!("unknown key `{key}` {}", table_name(at)))
        .allowed(known.join(", "))
        .did_you_mean(key, &known)
}

fn table_name(at: &At) -> String {
    if at.is_root() {
        "at the top".to_owned()
    } else {
        format!("in `{at}`")
    }
}

/// A variable holds text: `1234` for a name is a text, though TOML would read a number.
fn adopt_variable_text(node: &mut Node, part: Part, problems: &Problems<'_>) {
    let scalar = matches!(
        node.kind,
        Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Moment(_)
    );
    if scalar
        && part.allows("string")
        && !part.allows(type_name(&node.kind))
        && let Some(text) = problems.variable_text(&node.place)
    {
        node.kind = Kind::Text(text);
    }
}

fn check_text(text: &str, part: Part) -> Result<(), (&'static str, String)> {
    let words = part.words();
    if !words.is_empty() {
        let known = words.iter().any(|(word, _)| *word == text);
        let allowed: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        return known
            .then_some(())
            .ok_or(("an unknown word", allowed.join(", ")));
    }
    let (result, allowed) = match part.format() {
        "span" => (Span::parse(text).err(), SPAN.to_owned()),
        "span-or-none" => (CookieAge::parse(text).err(), format!("{SPAN}, or \"none\"")),
        "size" => (Size::parse(text).err(), SIZE.to_owned()),
        _ => (None, String::new()),
    };
    match result {
        None => Ok(()),
        Some(why) => Err(("a value that cannot be read", format!("{allowed} ({why})"))),
    }
}

fn check_number(number: i64, part: Part) -> Result<(), (&'static str, String)> {
    let (least, most) = part.range();
    if (least..=most).contains(&number) {
        let too_long = part.format().starts_with("span") && Span::parse_secs(number).is_err();
        let verdict = ("a number out of range", SPAN.to_owned());
        return if too_long { Err(verdict) } else { Ok(()) };
    }
    let allowed = if most == i64::MAX {
        format!("{least} or more")
    } else {
        format!("{least} to {most}")
    };
    Err(("a number out of range", allowed))
}

/// A whole number is a number too.
fn is_of_type(kind: &Kind, part: Part) -> bool {
    part.allows(type_name(kind)) || matches!(kind, Kind::Integer(_)) && part.allows("number")
}

const fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "string",
        Kind::Integer(_) => "integer",
        Kind::Float(_) => "number",
        Kind::Boolean(_) => "boolean",
        Kind::List(_) => "array",
        Kind::Table(_) => "object",
        Kind::Moment(_) | Kind::Damaged => "nothing",
    }
}

fn allowed_types(part: Part) -> String {
    match part.format() {
        "span" => return SPAN.to_owned(),
        "span-or-none" => return format!("{SPAN}, or \"none\""),
        "size" => return SIZE.to_owned(),
        "field-or-false" => return "a field such as \"profile.email\", or false".to_owned(),
        _ => {}
    }
    let words = part.words();
    if !words.is_empty() {
        let words: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        return words.join(", ");
    }
    let names = [
        ("string", "a text"),
        ("integer", "a whole number"),
        ("number", "a number"),
        ("boolean", "true or false"),
        ("array", "a list"),
        ("object", "a table"),
    ];
    let allowed = names.iter().filter(|(kind, _)| part.allows(kind));
    let allowed: Vec<&str> = allowed.map(|(_, name)| *name).collect();
    allowed.join(", or ")
}

fn damage(node: &mut Node, at: &At, problem: Problem, problems: &mut Problems<'_>) {
    let place: Place = node.place.clone();
    node.kind = Kind::Damaged;
    problems.structural(&place, at, problem.with_key(at));
}
