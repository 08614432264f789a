//! Postal codes as numbers, and ranges of them.

use super::walk::Entry;

/// Longest postal code, in digits.
const MAX_DIGITS: usize = 12;

/// A postal code of digits alone.
///
/// `-`, `.` and spaces are left out. Codes that have letters are none. Codes of different length
/// are of different schemes: `01000` is not the number 1000 and lies in no range of four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::directory) struct PostalCode {
    digits: usize,
    number: u64,
}

impl PostalCode {
    /// Reads a code as somebody wrote it.
    pub(in crate::directory) fn read(text: &str) -> Option<Self> {
        let mut code = Self {
            digits: 0,
            number: 0,
        };
        for letter in text.chars().filter(|c| !matches!(c, '-' | '.' | ' ')) {
            let digit = u64::from(letter.to_digit(10)?);
            code.digits += 1;
            if code.digits > MAX_DIGITS {
                return None;
            }
            code.number = code.number * 10 + digit;
        }
        (code.digits > 0).then_some(code)
    }
}

/// All postal codes of one length from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::directory) struct PostalRange {
    digits: usize,
    first: u64,
    last: u64,
}

impl PostalRange {
    /// The range between two codes of one length, if it is one.
    pub(in crate::directory) fn between(from: PostalCode, to: PostalCode) -> Option<Self> {
        (from.digits == to.digits && from.number <= to.number).then_some(Self {
            digits: from.digits,
            first: from.number,
            last: to.number,
        })
    }

    /// Reads the ranges under `key`, each a table of `from` and `to`.
    pub(super) fn read_all(entry: &Entry<'_>, key: &str) -> Vec<Self> {
        let ranges = entry.entries(key, &["from", "to"]);
        ranges.iter().filter_map(Self::read).collect()
    }

    fn read(entry: &Entry<'_>) -> Option<Self> {
        let end = |key| {
            let text = entry.require_text(key)?;
            let code = PostalCode::read(text.value);
            if code.is_none() {
                let rule = format!("`{key}` has 1 to {MAX_DIGITS} digits, and - . or spaces");
                entry.wrong(text.at, rule);
            }
            Some((code?, text.at))
        };
        let (from, to) = (end("from"), end("to"));
        let ((from, _), (to, at)) = (from?, to?);
        if from.digits != to.digits {
            entry.wrong(at, "`to` has as many digits as `from`");
        } else if to.number < from.number {
            entry.wrong(at, "the range ends before it starts");
        }
        Some(Self {
            digits: from.digits,
            first: from.number,
            last: to.number,
        })
    }

    /// Whether a code lies in it.
    pub(in crate::directory) fn holds(&self, code: PostalCode) -> bool {
        self.digits == code.digits && (self.first..=self.last).contains(&code.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_digits_and_separators() {
        for (text, digits, number) in [
            ("20000-000", 8, 20_000_000),
            ("01.000 000", 8, 1_000_000),
            ("10001", 5, 10001),
            ("0", 1, 0),
        ] {
            let code = PostalCode { digits, number };
            assert_eq!(PostalCode::read(text), Some(code), "{text}");
        }
        for text in ["", "-", "SW1A 1AA", "1234567890123", "١٢٣", "10001+"] {
            assert_eq!(PostalCode::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_holds_its_ends_and_no_code_of_another_length() {
        let range = PostalRange {
            digits: 8,
            first: 1_000_000,
            last: 5_999_999,
        };
        for (text, inside) in [
            ("01000-000", true),
            ("05999-999", true),
            ("00999-999", false),
            ("06000-000", false),
            ("1000000", false),
            ("001000000", false),
        ] {
            let code = PostalCode::read(text).unwrap();
            assert_eq!(range.holds(code), inside, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,40}") {
            PostalCode::read(&text);
        }
    }
}
