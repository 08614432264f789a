//! Cookie pairs: what is found in wide steps is what a plain reading finds.

use proptest::prelude::*;

use super::super::pairs::pieces;

type Pair<'a> = (&'a str, &'a str);
type Bytes<'a> = (&'a [u8], &'a [u8]);
type Read<'a> = Vec<(&'a [u8], Option<Bytes<'a>>)>;

/// The same, read letter by letter.
fn plainly(line: &str) -> Vec<(&str, Option<Pair<'_>>)> {
    fn trimmed(text: &str) -> &str {
        text.trim_matches([' ', '\t'])
    }
    line.split(';')
        .map(trimmed)
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let pair = piece.split_once('=');
            let pair = pair.map(|(name, value)| (trimmed(name), trimmed(value)));
            (piece, pair.filter(|(name, _)| !name.is_empty()))
        })
        .collect()
}

proptest! {
    #[test]
    fn pieces_are_those_of_a_plain_reading(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "=", "=", ";", ";", "; ", " ", "\t", "a", "name", "value", "\"", "é",
                "a-long-text-of-more-than-thirty-two-bytes",
            ]),
            0..40,
        ),
    ) {
        let line = parts.concat();
        let found: Read<'_> = pieces(line.as_bytes())
            .map(|piece| (piece.bytes(), piece.name().map(|name| (name, piece.value()))))
            .collect();
        let expected: Read<'_> = plainly(&line)
            .into_iter()
            .map(|(piece, pair)| {
                let pair = pair.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
                (piece.as_bytes(), pair)
            })
            .collect();
        prop_assert_eq!(found, expected);
    }
}
