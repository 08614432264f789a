//! One HTTP/1.1 request, as a person writes it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use pingora::http::RequestHeader;

/// Parses a request: its head, and what follows the empty line as its body. An error names its line.
pub fn parse(text: &str) -> Result<(RequestHeader, Bytes), (usize, String)> {
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
    Ok((head, body_of(text)))
}

/// What follows the first empty line, without the line end that an editor leaves at the end.
fn body_of(text: &str) -> Bytes {
    let after = |mark: &str| text.find(mark).map(|at| at + mark.len());
    let ends = [after("\n\n"), after("\n\r\n")];
    let from = ends.into_iter().flatten().min();
    let body = from.and_then(|from| text.get(from..)).unwrap_or_default();
    Bytes::copy_from_slice(body.trim_end().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_read_with_its_body() {
        let (head, body) =
            parse("POST /a?b=c HTTP/1.1\r\nHost: shop\r\nCookie: x=1\r\n\r\nbody: no\n").unwrap();
        assert_eq!(body, "body: no");
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
