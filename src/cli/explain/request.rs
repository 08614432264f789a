//! One HTTP/1.1 request in a file, as a person writes it.

use std::path::Path;

use http::{HeaderName, HeaderValue, Method};
use pingora::http::RequestHeader;

/// Reads a request's head; what follows the empty line is its body and bears on nothing here.
pub(super) fn read(path: &Path) -> Result<RequestHeader, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|(line, said)| format!("{}:{line}: {said}", path.display()))
}

/// Parses it; an error names its line.
pub(super) fn parse(text: &str) -> Result<RequestHeader, (usize, String)> {
    let mut lines = text.lines().map(str::trim_end).enumerate();
    let (_, first) = lines.next().ok_or((1, "the file is empty".to_owned()))?;
    let mut parts = first.split_ascii_whitespace();
    let (Some(method), Some(target)) = (parts.next(), parts.next()) else {
        return Err((
            1,
            "a request begins with a line such as `GET /path HTTP/1.1`".to_owned(),
        ));
    };
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| (1, format!("`{method}` is no method")))?;
    let mut head = RequestHeader::build(method, target.as_bytes(), None)
        .map_err(|_| (1, format!("`{target}` is no request target")))?;
    for (at, line) in lines {
        if line.is_empty() {
            break;
        }
        let number = at + 1;
        let (name, value) = line
            .split_once(':')
            .ok_or((number, "a header is written `Name: value`".to_owned()))?;
        let name = HeaderName::try_from(name)
            .map_err(|_| (number, format!("`{name}` is no header name")))?;
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| (number, "the value holds a control character".to_owned()))?;
        head.append_header(name, value)
            .map_err(|_| (number, "there are too many headers".to_owned()))?;
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_read_up_to_its_body() {
        let head =
            parse("POST /a?b=c HTTP/1.1\r\nHost: shop\r\nCookie: x=1\r\n\r\nbody: no").unwrap();
        assert_eq!(
            (head.method.as_str(), head.uri.query()),
            ("POST", Some("b=c"))
        );
        assert_eq!(head.headers.len(), 2);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, line) in [
            ("", 1),
            ("GET", 1),
            ("GET / HTTP/1.1\nno colon", 2),
            ("GET / HTTP/1.1\nHost: a\nb c: d", 3),
        ] {
            assert_eq!(parse(text).unwrap_err().0, line, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,200}|[\\x00-\\x7f]{0,200}") {
            drop(parse(&text));
        }
    }
}
