//! Hosts, addresses of servers and paths, as text.

use crate::config::values::HostPattern;

pub(super) const HOST: &str =
    "a host such as shop.example.com, *.example.com, 127.0.0.1 or [::1], without port and path";

/// Reads a host on which an account answers.
pub(super) fn host_pattern(text: &str) -> Result<HostPattern, &'static str> {
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('.').unwrap_or(&lower);
    if let Some(below) = lower.strip_prefix("*.") {
        check_name(below)?;
        return Ok(HostPattern::Below(below.to_owned()));
    }
    if let Some(literal) = lower.strip_prefix('[') {
        let address = literal
            .strip_suffix(']')
            .ok_or("the bracket is not closed")?;
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| "no IPv6 address")?;
        return Ok(HostPattern::Exact(format!("[{address}]")));
    }
    check_name(lower)?;
    Ok(HostPattern::Exact(lower.to_owned()))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 253 {
        return Err("a host has 1 to 253 characters");
    }
    if name.contains(':') {
        return Err("a host is written without port, and IPv6 addresses in brackets");
    }
    let whole = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if name.split('.').all(whole) {
        Ok(())
    } else {
        Err("no host name")
    }
}

/// Checks `host:port` of a server.
pub(super) fn server_address(text: &str) -> Result<(), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("the port is missing")?;
    match port.parse::<u16>() {
        Ok(0) | Err(_) => return Err("no port"),
        Ok(_) => {}
    }
    match host_pattern(host)? {
        HostPattern::Exact(_) => Ok(()),
        HostPattern::Below(_) => Err("a server is one host"),
    }
}

/// Checks a path on the own site.
pub(super) fn own_path(text: &str) -> Result<(), &'static str> {
    if !text.starts_with('/') {
        return Err("a path begins with a slash");
    }
    if text.starts_with("//") || text.contains('\\') {
        return Err("this leads to another site");
    }
    if text.bytes().all(|b| b.is_ascii_graphic() && b != b';') {
        Ok(())
    } else {
        Err("a path has visible ASCII characters and no semicolon")
    }
}

/// Reads a root path: `/`, or segments without a slash at the end.
pub(super) fn root_path(text: &str) -> Result<String, &'static str> {
    own_path(text)?;
    if text == "/" {
        return Ok("/".to_owned());
    }
    if text.ends_with('/') {
        return Err("a root path does not end in a slash");
    }
    let plain = |segment: &str| {
        !segment.is_empty()
            && !matches!(segment, "." | "..")
            && !segment.contains(['%', '?', '#', '*'])
    };
    if text.split('/').skip(1).all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a root path has plain segments")
    }
}
