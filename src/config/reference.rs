//! The configuration reference as Markdown, made from the schema.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::schema::Part;

const OPENING: &str = include_str!("reference/opening.md");
const CLOSING: &str = include_str!("reference/closing.md");

/// The whole reference: what `docs/configuration.md` holds.
pub fn markdown() -> String {
    let mut text = OPENING.to_owned();
    // A text takes every write.
    let mut tables = Tables {
        text: &mut text,
        told: Vec::new(),
    };
    tables.write("", Part::root()).unwrap_or_default();
    text.push_str(CLOSING);
    text
}

struct Tables<'t> {
    text: &'t mut String,
    /// Shapes that were told, and where: the second time that is enough.
    told: Vec<(Part, String)>,
}

impl Tables<'_> {
    /// A table, then the tables within it.
    fn write(&mut self, path: &str, part: Part) -> fmt::Result {
        let Some(properties) = part.properties() else {
            return Ok(());
        };
        if let Some((_, elsewhere)) = self.told.iter().find(|(other, _)| other.is(part)) {
            return writeln!(
                self.text,
                "The keys of `{elsewhere}` and of the tables in it.\n"
            );
        }
        let (tables, keys): (Vec<_>, Vec<_>) = properties
            .keys()
            .filter_map(|key| Some((key.as_str(), part.property(key)?)))
            .partition(|(_, part)| inner_table(*part).is_some());
        if !path.is_empty() && !keys.is_empty() {
            writeln!(
                self.text,
                "| key | takes | default | meaning |\n|---|---|---|---|"
            )?;
            for (key, part) in keys {
                write_key(self.text, key, part, properties.get(key))?;
            }
            writeln!(self.text)?;
        }
        for (key, table) in tables {
            let dot = if path.is_empty() { "" } else { "." };
            self.write_inner(&format!("{path}{dot}{key}"), table, properties.get(key))?;
        }
        Ok(())
    }

    fn write_inner(&mut self, path: &str, table: Part, written: Option<&Value>) -> fmt::Result {
        let Some((inner, (open, close))) = inner_table(table) else {
            return Ok(());
        };
        writeln!(self.text, "## `{open}{path}{close}`\n")?;
        let meaning = written.map(description).unwrap_or_default();
        writeln!(self.text, "{}\n", one_line(meaning))?;
        write_required(self.text, inner)?;
        self.write(path, inner)?;
        self.told.push((inner, format!("{open}{path}{close}")));
        Ok(())
    }
}

/// The table that a key holds, alone or as the entries of a list, and how its header is written.
fn inner_table(part: Part) -> Option<(Part, (&'static str, &'static str))> {
    if part.properties().is_some() {
        return Some((part, ("[", "]")));
    }
    let entry = part.items()?;
    entry.properties()?;
    Some((entry, ("[[", "]]")))
}

fn write_required(text: &mut String, part: Part) -> fmt::Result {
    let required: Vec<String> = part.required().map(|key| format!("`{key}`")).collect();
    if required.is_empty() {
        return Ok(());
    }
    writeln!(text, "Required: {}.\n", required.join(", "))
}

fn write_key(text: &mut String, key: &str, part: Part, written: Option<&Value>) -> fmt::Result {
    let default = written.and_then(|written| written.get("default"));
    let mut meaning = one_line(written.map(description).unwrap_or_default());
    let words = part.words();
    for (word, sense) in &words {
        write!(meaning, "<br>`\"{word}\"`: {}", one_line(sense))?;
    }
    writeln!(
        text,
        "| `{key}` | {} | {} | {meaning} |",
        takes(part),
        default.map_or_else(|| "–".to_owned(), shown_default)
    )
}

fn takes(part: Part) -> String {
    match part.format() {
        "span" => return "span of time".to_owned(),
        "span-or-none" => return "span of time, or `\"none\"`".to_owned(),
        "size" => return "size".to_owned(),
        "field-or-false" => return "field, or `false`".to_owned(),
        "socket-address" => return "address and port".to_owned(),
        "listen-address" => return "address and port, or `unix:` and a file".to_owned(),
        "flag-or-port" => return "`true`, `false`, or a port".to_owned(),
        "uuid" => return "GUID".to_owned(),
        _ => {}
    }
    if !part.words().is_empty() {
        return "word".to_owned();
    }
    if part.allows("integer") {
        let (least, most) = part.range();
        return match most {
            i64::MAX => "number".to_owned(),
            _ => format!("number, {least} to {most}"),
        };
    }
    if part.allows("boolean") {
        return "`true`, `false`".to_owned();
    }
    if let Some(item) = part.items() {
        return format!("list of {}s", takes(item));
    }
    match part.additional() {
        Some(entry) => format!("table: {} by name", takes(entry)),
        None => "text".to_owned(),
    }
}

fn shown_default(default: &Value) -> String {
    match default {
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Object(members) if members.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
            items.join(", ")
        }
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::Null => "–".to_owned(),
        other => format!("`{other}`"),
    }
}

fn description(written: &Value) -> &str {
    let own = written.get("description").and_then(Value::as_str);
    own.unwrap_or_default()
}

/// Doc comments are wrapped for the source; a table's cell is one line.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}
