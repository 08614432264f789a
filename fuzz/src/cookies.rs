//! Cookie lines: read as by a slow reader that knows one rule at a time, and passed on without ours.
//!
//! Input: a byte of choices, then Cookie lines, one a line.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use vestibule::domain::inputs::{
    Held, InputRules, InputSettings, Inputs, UpstreamCookie, read_inputs, upstream_cookie,
};
use vestibule::domain::session::field::is_key;
use vestibule::domain::session::{Body, Field, Packed};
use vestibule::domain::token::{HashKey, hash_cookie};

use crate::view::with_request;

const INSECURE: u8 = 1;
const SHORT: u8 = 2;
const SECURE_NAME: &str = "__Host-vtex_session";
const INSECURE_NAME: &str = "vtex_session";
/// The limit of all lines together: the usual one, and one that short inputs reach.
const LIMITS: [usize; 2] = [16 * 1024, 48];

static RULES: LazyLock<[InputRules; 2]> = LazyLock::new(|| {
    LIMITS.map(|cookie_header_bytes| {
        InputRules::try_new(&InputSettings {
            session_cookies: [SECURE_NAME, INSECURE_NAME].map(str::to_owned).into(),
            cookie_header_bytes,
            ..InputSettings::default()
        })
        .expect("the usual rules")
    })
});

/// What the slow reader finds.
#[derive(Debug, Default, PartialEq)]
struct Slow<'a> {
    tokens: Vec<&'a str>,
    captured: BTreeMap<&'a str, &'a str>,
    order_form: Option<&'a str>,
    dropped: usize,
    cut: bool,
}

/// The target.
pub fn run(data: &[u8]) {
    let Some((&choices, lines)) = data.split_first() else {
        return;
    };
    let mut headers = HeaderMap::new();
    for line in lines.split(|&byte| byte == b'\n') {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, line);
        }
    }
    let (insecure, short) = (choices & INSECURE != 0, usize::from(choices & SHORT != 0));
    let own = if insecure { INSECURE_NAME } else { SECURE_NAME };
    with_request(&headers, None, insecure, |request| {
        let inputs = read_inputs(request, &RULES[short]);
        let slow = read_slowly(&headers, own, LIMITS[short]);
        let captured: Vec<(&str, &str)> = slow.captured.into_iter().collect();
        assert_eq!(inputs.tokens, slow.tokens);
        assert_eq!(inputs.captured, captured);
        assert_eq!(inputs.order_form, slow.order_form);
        assert_eq!(inputs.dropped_pairs, slow.dropped);
        assert_eq!(inputs.cookies_cut, slow.cut);
        holds_what_was_said(&inputs);
    });
    passes_on(&headers);
}

fn read_slowly<'a>(headers: &'a HeaderMap, own: &str, limit: usize) -> Slow<'a> {
    let mut found = Slow::default();
    let mut before = 0;
    for line in headers.get_all(COOKIE) {
        let line = line.as_bytes();
        let room = limit.saturating_sub(before);
        let mut at = 0;
        for piece in line.split(|&byte| byte == b';') {
            let end = at + piece.len();
            at = end + 1;
            let whole = end <= room && (line.len() <= room || end < line.len());
            if whole {
                found.piece(piece, own);
            }
        }
        if line.len() > room {
            found.cut = true;
            break;
        }
        before += line.len() + 2;
    }
    found
}

impl<'a> Slow<'a> {
    fn piece(&mut self, piece: &'a [u8], own: &str) {
        let piece = trim(piece);
        if piece.is_empty() {
            return;
        }
        let text = std::str::from_utf8(piece)
            .ok()
            .filter(|text| !text.chars().any(|c| c.is_control() && c != '\t'));
        let pair = text.and_then(|text| text.split_once('='));
        let blank = [' ', '\t'];
        let pair = pair.map(|(name, value)| (name.trim_matches(blank), value.trim_matches(blank)));
        let Some((name, value)) = pair.filter(|(name, _)| !name.is_empty()) else {
            self.dropped += 1;
            return;
        };
        if name == own {
            self.tokens.push(value);
        } else if is_captured(name) {
            self.captured.insert(name, value);
        } else if name == "checkout.vtex.com" {
            let part = value
                .split('&')
                .find_map(|part| part.strip_prefix("__ofid="));
            let plain = |id: &&str| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_graphic());
            let id = part.filter(|id| !id.is_empty()).filter(plain);
            self.order_form = id.or(self.order_form);
        }
    }
}

fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(|byte| !blank(byte)) else {
        return &[];
    };
    let end = bytes.iter().rposition(|byte| !blank(byte)).unwrap_or(start);
    &bytes[start..=end]
}

fn is_captured(name: &str) -> bool {
    let listed = name == "VtexIdclientAutCookie"
        || name.starts_with("VtexIdclientAutCookie_")
        || name == "vtex-impersonated-customer-email";
    listed && is_key(name)
}

/// A body made of what a request says holds all of it, and no longer does where one cookie differs.
fn holds_what_was_said(inputs: &Inputs<'_>) {
    let key = HashKey::from_bytes([7; 16]);
    let mut body = Body::new();
    for (name, value) in &inputs.captured {
        let field = Field::new("cookie", name).expect("captured names are keys");
        body.set(field, Value::from(hash_cookie(&key, name, value)));
    }
    if let Some(id) = inputs.order_form {
        let field = "checkout.orderFormId".parse().expect("a field");
        body.set(field, Value::from(id));
    }
    let packed = Packed::of(&body);
    assert!(Held::of(&packed).holds_all(&packed, inputs, false, &key));
    assert_eq!(packed.unpack(), body);
    if let Some((name, value)) = inputs.captured.first() {
        let field = Field::new("cookie", name).expect("captured names are keys");
        body.set(
            field,
            Value::from(hash_cookie(&key, name, &format!("{value}x"))),
        );
        let packed = Packed::of(&body);
        assert!(!Held::of(&packed).holds_all(&packed, inputs, false, &key));
    }
}

/// What goes on holds nothing under our names and all else in its order; passed on again, it stays.
fn passes_on(headers: &HeaderMap) {
    let ours = |name: &[u8]| name == SECURE_NAME.as_bytes() || name == INSECURE_NAME.as_bytes();
    let mut after = HeaderMap::new();
    match upstream_cookie(headers, ours) {
        UpstreamCookie::Unchanged => after = headers.clone(),
        UpstreamCookie::Absent => {}
        UpstreamCookie::Line(line) => drop(after.insert(COOKIE, line)),
    }
    assert!(after.get_all(COOKIE).iter().count() <= 1);
    assert!(!matches!(
        upstream_cookie(&after, ours),
        UpstreamCookie::Line(_)
    ));
    let kept: Vec<&[u8]> = pieces(&after).collect();
    let said = pieces(headers).filter(|piece| !could_name(piece, ours));
    assert!(kept.iter().copied().eq(said), "other pieces differ");
    let room = LIMITS[0] * 64;
    for own in [SECURE_NAME, INSECURE_NAME] {
        assert!(read_slowly(&after, own, room).tokens.is_empty());
    }
    let (before, after) = (
        read_slowly(headers, SECURE_NAME, room),
        read_slowly(&after, SECURE_NAME, room),
    );
    assert_eq!(before.captured, after.captured);
    assert_eq!(before.order_form, after.order_form);
}

fn pieces(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    lines
        .flat_map(|line| line.split(|&byte| byte == b';').map(trim))
        .filter(|piece| !piece.is_empty())
}

/// Whether some lenient server could read a piece as a cookie of such a name: the name before the
/// first `=`, or, where nothing stands before that, whatever comes next.
fn could_name(piece: &[u8], ours: impl Fn(&[u8]) -> bool) -> bool {
    let named = trim(piece.split(|&byte| byte == b'=').next().unwrap_or_default());
    let named = if named.is_empty() {
        let rest = trim(piece.strip_prefix(b"=").unwrap_or(piece));
        let next = trim(rest.split(|&byte| byte == b'=').next().unwrap_or_default());
        if next.is_empty() { rest } else { next }
    } else {
        named
    };
    ours(named)
}
