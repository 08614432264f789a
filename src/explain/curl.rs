//! A line for curl, as people copy it from a browser or a document, read into the request that it
//! would send. What changes the request in a way that is not read here is refused, not passed over.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use pingora::http::RequestHeader;
use url::Url;

/// The longest line that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// Options that change nothing of the request, without and with a value.
const IDLE: [&str; 15] = [
    "-s",
    "-S",
    "-i",
    "-k",
    "-v",
    "-L",
    "-g",
    "--silent",
    "--show-error",
    "--include",
    "--insecure",
    "--verbose",
    "--location",
    "--globoff",
    "--http1.1",
];
const IDLE_VALUED: [&str; 6] = ["-o", "--output", "-m", "--max-time", "-D", "--dump-header"];

/// Options with a value that are read.
const VALUED: [&str; 16] = [
    "-X",
    "--request",
    "-H",
    "--header",
    "-b",
    "--cookie",
    "-d",
    "--data",
    "--data-raw",
    "--data-binary",
    "--data-ascii",
    "-A",
    "--user-agent",
    "-e",
    "--referer",
    "--url",
];

/// What the options say.
#[derive(Default)]
struct Said {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    cookies: Vec<String>,
    data: Vec<String>,
    get: bool,
    head: bool,
}

/// Whether a text is such a line.
pub fn is_curl(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix("$ ").unwrap_or(text);
    text.strip_prefix("curl")
        .is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

/// Reads it: the request's head and body.
pub fn parse(text: &str) -> Result<(RequestHeader, Bytes), String> {
    if text.len() > LONGEST {
        return Err(format!("the line is longer than {LONGEST} bytes"));
    }
    let text = text.trim();
    let words = words(text.strip_prefix("$ ").unwrap_or(text))?;
    let mut words = words.into_iter();
    if words.next().as_deref() != Some("curl") {
        return Err("the line begins with `curl`".to_owned());
    }
    let mut said = Said::default();
    let mut only_urls = false;
    while let Some(word) = words.next() {
        if only_urls || !word.starts_with('-') || word == "-" {
            said.address(word)?;
        } else if word == "--" {
            only_urls = true;
        } else {
            said.option(&word, &mut words)?;
        }
    }
    said.request()
}

impl Said {
    fn address(&mut self, url: String) -> Result<(), String> {
        if self.url.is_some() {
            return Err(format!("there are two addresses; the second is `{url}`"));
        }
        self.url = Some(url);
        Ok(())
    }

    fn option(
        &mut self,
        word: &str,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        if IDLE.contains(&word) || is_cluster(word) {
            return Ok(());
        }
        let (name, glued) = split(word);
        if name == "-I" || name == "--head" {
            self.head = true;
            return Ok(());
        }
        if name == "-G" || name == "--get" {
            self.get = true;
            return Ok(());
        }
        if !VALUED.contains(&name) && !IDLE_VALUED.contains(&name) {
            return Err(format!(
                "the option `{name}` is not read here; allowed are -X, -H, -b, -d, -A, -e, -G, -I, \
                 --data-raw, --data-binary, --url, and those that change nothing of the request"
            ));
        }
        let value = glued.map(str::to_owned).or_else(|| words.next());
        let value = value.ok_or_else(|| format!("`{name}` needs a value after it"))?;
        match name {
            "-X" | "--request" => self.method = Some(value),
            "-H" | "--header" => self.header(&value)?,
            "-b" | "--cookie" if !value.contains('=') => {
                return Err(format!(
                    "`{name}` names a file; write the cookies themselves"
                ));
            }
            "-b" | "--cookie" => self.cookies.push(value),
            "-A" | "--user-agent" => self.headers.push(("User-Agent".to_owned(), value)),
            "-e" | "--referer" => self.headers.push(("Referer".to_owned(), value)),
            "--url" => self.address(value)?,
            "--data-raw" => self.data.push(value),
            _ if name.starts_with("-d") || name.starts_with("--data") => {
                if value.starts_with('@') {
                    return Err(format!("`{name}` names a file; write the body itself"));
                }
                self.data.push(value);
            }
            // It says what becomes of the answer.
            _ => {}
        }
        Ok(())
    }

    fn header(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, value.trim()),
            // curl's way to send an empty one.
            None => match line.strip_suffix(';') {
                Some(name) => (name, ""),
                None => return Err(format!("`{line}` is no header: write `Name: value`")),
            },
        };
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn request(self) -> Result<(RequestHeader, Bytes), String> {
        let url = self.url.as_deref().ok_or("there is no address")?;
        let whole = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let mut url = Url::parse(&whole).map_err(|error| format!("`{url}`: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(format!("`{url}` is no address of HTTP"));
        }
        let mut data = self.data.join("&");
        if self.get && !data.is_empty() {
            let query = url.query().map(|query| format!("{query}&"));
            url.set_query(Some(&format!("{}{data}", query.unwrap_or_default())));
            data.clear();
        }
        let method = match &self.method {
            Some(method) => method.as_str(),
            None if self.head => "HEAD",
            None if self.data.is_empty() || self.get => "GET",
            None => "POST",
        };
        let parsed = Method::from_bytes(method.as_bytes())
            .map_err(|_| format!("`{method}` is no method"))?;
        let query = url.query().map(|query| format!("?{query}"));
        let target = format!("{}{}", url.path(), query.unwrap_or_default());
        let mut head = RequestHeader::build(parsed, target.as_bytes(), None)
            .map_err(|_| format!("`{target}` is no request target"))?;
        for (name, value) in self.lines(&url, data.len()) {
            let named =
                HeaderName::try_from(&name).map_err(|_| format!("`{name}` is no header name"))?;
            let value = HeaderValue::from_str(&value)
                .map_err(|_| format!("the value of `{name}` holds a control character"))?;
            head.append_header(named, value)
                .map_err(|_| "there are too many headers".to_owned())?;
        }
        Ok((head, Bytes::from(data)))
    }

    /// The header lines, with those that curl adds where nobody says otherwise.
    fn lines(self, url: &Url, length: usize) -> Vec<(String, String)> {
        let Self {
            headers, cookies, ..
        } = self;
        let has = |name: &str| {
            headers
                .iter()
                .any(|(one, _)| one.eq_ignore_ascii_case(name))
        };
        let host = url.host_str().unwrap_or_default();
        let host = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let form = "application/x-www-form-urlencoded";
        let mut added = vec![("Host", host), ("User-Agent", "curl".to_owned())];
        added.push(("Accept", "*/*".to_owned()));
        if length > 0 {
            added.push(("Content-Type", form.to_owned()));
            added.push(("Content-Length", length.to_string()));
        }
        if !cookies.is_empty() {
            added.push(("Cookie", cookies.join("; ")));
        }
        added.retain(|(name, _)| !has(name));
        let added = added.into_iter();
        let mut lines: Vec<_> = added
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        lines.extend(headers);
        lines
    }
}

/// Several flags in one word, none of which changes the request: `-sik`.
fn is_cluster(word: &str) -> bool {
    let flags = word.strip_prefix('-').filter(|flags| !flags.is_empty());
    flags.is_some_and(|flags| {
        flags
            .chars()
            .all(|flag| matches!(flag, 's' | 'S' | 'i' | 'k' | 'v' | 'L' | 'g'))
    })
}

/// An option's name, and a value that is glued to it: `-XPOST`, `--request=POST`.
fn split(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
    }
    match word.char_indices().nth(2) {
        Some((at, _)) => {
            let (name, value) = word.split_at(at);
            (name, Some(value))
        }
        None => (word, None),
    }
}

/// Cuts a line into words as a shell does: quotes, `$'…'`, backslashes, lines that go on.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let word = word.get_or_insert_default();
                until(&mut letters, '\'', |letter, _| Some(letter), word)?;
            }
            '"' => {
                let word = word.get_or_insert_default();
                until(&mut letters, '"', in_double, word)?;
            }
            '$' if letters.peek() == Some(&'\'') => {
                letters.next();
                let word = word.get_or_insert_default();
                until(&mut letters, '\'', in_ansi, word)?;
            }
            '\\' => escaped(&mut letters, &mut word)?,
            '|' | ';' | '&' | '<' | '>' | '`' | '$' | '(' | ')' => {
                return Err(format!(
                    "`{letter}` outside of quotes means something to a shell; put it into quotes"
                ));
            }
            '\n' => {
                words.extend(word.take());
                let more = letters.clone().any(|letter| !letter.is_whitespace());
                if more {
                    return Err("one line, or lines that end with a backslash".to_owned());
                }
            }
            letter if letter.is_whitespace() => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Takes what stands after a backslash outside of quotes; an end of line is none of it.
fn escaped(letters: &mut Letters<'_>, word: &mut Option<String>) -> Result<(), String> {
    match letters.next() {
        Some('\n') => {}
        Some('\r') if letters.peek() == Some(&'\n') => {
            letters.next();
        }
        Some(letter) => word.get_or_insert_default().push(letter),
        None => return Err("the line ends with a backslash".to_owned()),
    }
    Ok(())
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Takes what stands up to a closing quote. `read` turns a letter into what it stands for, and may
/// take further ones; none: nothing.
fn until(
    letters: &mut Letters<'_>,
    quote: char,
    read: impl Fn(char, &mut Letters<'_>) -> Option<char>,
    word: &mut String,
) -> Result<(), String> {
    while let Some(letter) = letters.next() {
        if letter == quote {
            return Ok(());
        }
        word.extend(read(letter, letters));
    }
    Err(format!("a quote {quote} is not closed"))
}

fn in_double(letter: char, letters: &mut Letters<'_>) -> Option<char> {
    if letter != '\\' {
        return Some(letter);
    }
    match letters.peek() {
        Some('\n') => {
            letters.next();
            None
        }
        Some('"' | '\\' | '$' | '`') => letters.next(),
        _ => Some('\\'),
    }
}

fn in_ansi(letter: char, letters: &mut Letters<'_>) -> Option<char> {
    if letter != '\\' {
        return Some(letter);
    }
    match letters.next() {
        Some('n') => Some('\n'),
        Some('r') => Some('\r'),
        Some('t') => Some('\t'),
        Some('u') => {
            let digits: String = letters.by_ref().take(4).collect();
            let code = u32::from_str_radix(&digits, 16).ok();
            code.and_then(char::from_u32)
                .or(Some(char::REPLACEMENT_CHARACTER))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(head: &RequestHeader, name: &str) -> Vec<String> {
        let lines = head.headers.get_all(name).iter();
        lines
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_line_as_browsers_copy_it_is_read() {
        let text = "curl 'https://shop.example:8443/a?sc=2' \\\n  -X PUT \\\n  -H 'Accept-Language: pt' \
                    -b \"vtex_session=abc; x=\\\"1\\\"\" --data-raw $'{\"a\":\"\\u00e9\\'\"}' --compressed";
        assert!(is_curl(text));
        let error = parse(text).unwrap_err();
        assert!(error.contains("`--compressed` is not read"), "{error}");
        let text = text.replace(" --compressed", " -sik");
        let (head, body) = parse(&text).unwrap();
        assert_eq!((head.method.as_str(), head.uri.path()), ("PUT", "/a"));
        assert_eq!(head.uri.query(), Some("sc=2"));
        assert_eq!(line(&head, "host"), ["shop.example:8443"]);
        assert_eq!(line(&head, "cookie"), ["vtex_session=abc; x=\"1\""]);
        assert_eq!(line(&head, "accept-language"), ["pt"]);
        assert_eq!(body, "{\"a\":\"é'\"}");
        assert_eq!(line(&head, "content-length"), [body.len().to_string()]);
    }

    #[test]
    fn what_is_not_said_is_what_curl_would_send() {
        let (head, body) = parse("$ curl shop.example").unwrap();
        assert_eq!((head.method.as_str(), head.uri.path()), ("GET", "/"));
        assert_eq!(
            (line(&head, "host"), body.len()),
            (vec!["shop.example".into()], 0)
        );
        let (head, body) = parse("curl -d a=1 -d b=2 --url http://shop.example/x").unwrap();
        assert_eq!((head.method.as_str(), &body[..]), ("POST", &b"a=1&b=2"[..]));
        assert_eq!(line(&head, "content-type").len(), 1);
        let (head, body) =
            parse("curl -G -d a=1 -XPOST 'shop.example/?b=2' -H Host:other").unwrap();
        assert_eq!((head.uri.query(), body.len()), (Some("b=2&a=1"), 0));
        assert_eq!(
            (head.method.as_str(), line(&head, "host")),
            ("POST", vec!["other".into()])
        );
    }

    #[test]
    fn what_would_not_be_sent_as_it_stands_is_refused_with_the_reason() {
        for (text, reason) in [
            ("wget shop.example", "begins with `curl`"),
            ("curl", "no address"),
            ("curl a.example b.example", "two addresses"),
            ("curl 'shop.example", "not closed"),
            ("curl shop.example | sh", "outside of quotes"),
            ("curl shop.example\nrm -r x", "one line"),
            ("curl -d @file shop.example", "names a file"),
            ("curl -b jar shop.example", "names a file"),
            ("curl -H nothing shop.example", "is no header"),
            ("curl -F a=b shop.example", "`-F` is not read"),
            ("curl shop.example -X", "needs a value"),
            ("curl ftp://shop.example/", "no address of HTTP"),
            ("curl -X 'B AD' shop.example", "is no method"),
            ("curl -H $'a: b\\nc: d' shop.example", "control character"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(!is_curl("GET / HTTP/1.1") && !is_curl("curly x"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "curl (\\PC|[-'\"\\\\$@ \\n]){0,120}") {
            drop(parse(&text));
        }
    }
}
