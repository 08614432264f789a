//! Cookies: one pass over all lines and HTTP/2 crumbs, as one list.

use http::header::COOKIE;
use memchr::memrchr;

use super::Inputs;
use super::pairs::{Piece, pieces};
use super::rules::InputRules;
use crate::domain::request::RequestView;
use crate::domain::session::field::is_key;

/// The platform's cart cookie, whose `__ofid` part names the order form.
const CART_COOKIE: &str = "checkout.vtex.com";
const MAX_ORDER_FORM_BYTES: usize = 64;

pub(super) fn read_cookies<'a>(
    request: &RequestView<'a>,
    rules: &InputRules,
    inputs: &mut Inputs<'a>,
) {
    let mut reading = Reading {
        session_cookie: rules.session_cookie(request.insecure_cookies),
        rules,
        inputs,
    };
    let mut left = rules.cookie_header_bytes;
    for line in request.headers.get_all(COOKIE) {
        let line = line.as_bytes();
        let Some(after) = left.checked_sub(line.len()) else {
            reading.inputs.cookies_cut = true;
            reading.line(whole_pieces(line, left));
            break;
        };
        reading.line(line);
        // Joined, lines are two bytes apart.
        left = after.saturating_sub(2);
    }
    keep_last(&mut inputs.captured);
}

/// The pieces of a line that end within the limit; a piece cut in two would be another value.
fn whole_pieces(line: &[u8], limit: usize) -> &[u8] {
    let within = line.get(..=limit).unwrap_or(line);
    memrchr(b';', within)
        .and_then(|end| within.get(..end))
        .unwrap_or_default()
}

/// Sorts by name and keeps each name's last value.
fn keep_last(captured: &mut Vec<(&str, &str)>) {
    if captured.len() < 2 {
        return;
    }
    captured.reverse();
    captured.sort_by_key(|&(name, _)| name);
    captured.dedup_by_key(|&mut (name, _)| name);
}

struct Reading<'r, 'a> {
    session_cookie: &'r str,
    rules: &'r InputRules,
    inputs: &'r mut Inputs<'a>,
}

impl<'a> Reading<'_, 'a> {
    fn line(&mut self, line: &'a [u8]) {
        // Nearly every line is clean as a whole; only pairs of others are looked at one by one. A
        // header's value holds no control character of ASCII but the tab: its type forbids them,
        // and so do the parsers of HTTP/1 and HTTP/2 before it.
        let clean = line.is_ascii();
        for piece in pieces(line) {
            let well_formed = clean || is_clean_text(piece.bytes());
            match piece.name().filter(|_| well_formed) {
                Some(name) => self.pair(name, piece),
                None => self.inputs.dropped_pairs += 1,
            }
        }
    }

    fn is_captured(&self, name: &str) -> bool {
        !self.rules.is_session_cookie(name)
            && self.rules.cookies.find(name).is_some()
            && is_key(name)
    }

    fn pair(&mut self, name: &'a [u8], piece: Piece<'a>) {
        let own = name == self.session_cookie.as_bytes();
        let cart = name == CART_COOKIE.as_bytes();
        let captured = name
            .first()
            .is_some_and(|&first| self.rules.cookies.may_begin_with(first));
        if !(own || cart || captured) {
            return;
        }
        let Ok(name) = std::str::from_utf8(name) else {
            return;
        };
        let captured = captured && self.is_captured(name);
        if !(own || cart || captured) {
            return;
        }
        let Ok(value) = std::str::from_utf8(piece.value()) else {
            return;
        };
        if own {
            self.inputs.tokens.push(value);
        } else if captured {
            self.inputs.captured.push((name, value));
        }
        if cart {
            self.inputs.order_form = read_order_form(value).or(self.inputs.order_form);
        }
    }
}

/// UTF-8 without control characters.
fn is_clean_text(piece: &[u8]) -> bool {
    std::str::from_utf8(piece).is_ok_and(|text| {
        !text
            .chars()
            .any(|letter| letter.is_control() && letter != '\t')
    })
}

fn read_order_form(value: &str) -> Option<&str> {
    value
        .split('&')
        .find_map(|part| part.strip_prefix("__ofid="))
        .filter(|id| {
            (1..=MAX_ORDER_FORM_BYTES).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_graphic())
        })
}
