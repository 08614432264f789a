//! Markup that cannot be injected into: templates are compiled in, whatever fills them is
//! escaped unless it is markup itself.

use std::borrow::Cow;

/// Finished markup. Made only from compiled-in templates and escaped text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

/// What goes into a slot of a template.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot<'a> {
    Text(&'a str),
    Markup(&'a Html),
}

impl Html {
    pub(super) const fn new() -> Self {
        Self(String::new())
    }

    /// Markup that was written by hand; `'static`, so that no request can have made it.
    pub(super) fn written(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    pub(super) fn push(&mut self, more: &Self) {
        self.0.push_str(&more.0);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl FromIterator<Self> for Html {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        let mut all = Self::new();
        parts.into_iter().for_each(|part| all.push(&part));
        all
    }
}

impl<'a> From<&'a str> for Slot<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Slot<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Cow<'_, str>> for Slot<'a> {
    fn from(text: &'a Cow<'_, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Html> for Slot<'a> {
    fn from(markup: &'a Html) -> Self {
        Self::Markup(markup)
    }
}

/// Fills the `{{name}}` slots of a template. Attribute values in templates are always in double
/// quotes; the escaping holds there as well.
pub(super) fn fill(template: &'static str, slots: &[(&str, Slot<'_>)]) -> Html {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            debug_assert!(false, "a slot is not closed");
            return Html(out);
        };
        match slots.iter().find(|(slot, _)| *slot == name) {
            Some((_, Slot::Text(text))) => escape_into(&mut out, text),
            Some((_, Slot::Markup(markup))) => out.push_str(&markup.0),
            None => debug_assert!(false, "nothing fills the slot {name}"),
        }
        rest = tail;
    }
    out.push_str(rest);
    Html(out)
}

fn escape_into(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            // Browsers show them as nothing at all; the reader should see that something is there.
            control if control.is_control() => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_escaped_and_markup_is_not() {
        let bold = fill("<b>{{t}}</b>", &[("t", "a<b".into())]);
        let line = fill(
            r#"<p title="{{title}}">{{body}}</p>"#,
            &[
                ("title", r#"" onload='x'"#.into()),
                ("body", (&bold).into()),
            ],
        );
        assert_eq!(
            line.into_string(),
            r#"<p title="&quot; onload=&#39;x&#39;"><b>a&lt;b</b></p>"#
        );
    }

    #[test]
    fn what_fills_a_slot_is_never_read_as_a_template() {
        let line = fill("{{a}}{{b}}", &[("a", "{{b}}".into()), ("b", "x".into())]);
        assert_eq!(line.into_string(), "{{b}}x");
    }

    proptest! {
        #[test]
        fn no_text_ever_opens_a_tag_or_ends_an_attribute(text in any::<String>()) {
            let html = fill("{{t}}", &[("t", (&text).into())]).into_string();
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            prop_assert!(!html.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
