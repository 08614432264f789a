//! Keys that are the same in every run, and what a client could do to a text that we signed.

use arbitrary::Arbitrary;

/// A stand-in for random bits: the same row of numbers every time.
pub(crate) fn draws(seed: u64) -> impl FnMut() -> u128 {
    let mut state = seed;
    let mut next = move || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    move || u128::from(next()) << 64 | u128::from(next())
}

/// One change to a text of ASCII letters.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Edit {
    /// Another letter in a place.
    Replace(u16, u8),
    /// One letter more.
    Insert(u16, u8),
    /// One letter less.
    Remove(u16),
    /// Nothing from there on.
    Truncate(u16),
    /// The part up to a dot once more.
    Repeat(u8),
    /// Two parts in each other's place.
    Swap(u8, u8),
    /// A part left empty.
    Empty(u8),
}

/// The letters that a token may hold, and some that it may not.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ %";

impl Edit {
    /// The text after it.
    pub(crate) fn apply(self, text: &str) -> String {
        let mut parts: Vec<&str> = text.split('.').collect();
        let part = |at: u8| usize::from(at) % text.split('.').count();
        let place = |at: u16| usize::from(at) % (text.len() + 1);
        let letter = |pick: u8| char::from(LETTERS[usize::from(pick) % LETTERS.len()]);
        let mut edited = text.to_owned();
        match self {
            Self::Replace(at, pick) if place(at) < text.len() => {
                let (at, letter) = (place(at), letter(pick));
                edited.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
            }
            Self::Insert(at, pick) => edited.insert(place(at), letter(pick)),
            Self::Remove(at) if place(at) < text.len() => drop(edited.remove(place(at))),
            Self::Replace(..) | Self::Remove(_) => {}
            Self::Truncate(at) => edited.truncate(place(at)),
            Self::Repeat(at) => {
                parts.insert(part(at), parts[part(at)]);
                edited = parts.join(".");
            }
            Self::Swap(one, other) => {
                parts.swap(part(one), part(other));
                edited = parts.join(".");
            }
            Self::Empty(at) => {
                parts[part(at)] = "";
                edited = parts.join(".");
            }
        }
        edited
    }
}
