//! `vestibule health`: asks a process of this machine how it is, where there is nothing else to ask
//! with, as in an image without a shell. It reads no configuration: a file that was broken while the
//! process runs makes nobody ill.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use thiserror::Error;

mod wire;

use wire::connect;

/// How long each step may take: connecting, sending, and every wait for more of the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than either page ever says, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Whom to ask what.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The admin address of the process
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9090")]
    pub address: SocketAddr,
    /// Ask whether it is ready for shoppers, not only whether it lives
    #[arg(long)]
    pub ready: bool,
    /// Ask over TLS, where the admin address speaks it. Whose certificate it is does not matter
    #[arg(long)]
    pub tls: bool,
    /// Print the answer as it came, for a machine
    #[arg(long)]
    pub json: bool,
}

/// Why a process does not count as well.
#[derive(Debug, Error)]
pub enum HealthError {
    /// There was no answer, or not all of it.
    #[error("{address} does not answer: {cause}")]
    Silent {
        /// Who was asked.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// Something else listens there.
    #[error("{0} is no admin address of Vestibule")]
    Foreign(SocketAddr),
    /// It says itself that it is not.
    #[error("{status}: {}", said.trim_end())]
    Unwell {
        /// The status of the answer.
        status: u16,
        /// What it said.
        said: String,
    },
    /// What it said could not be passed on.
    #[error("{0}")]
    Out(#[from] io::Error),
}

/// What a page says, of which people are told.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    live: bool,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    reasons: Vec<Reason>,
}

/// Why the process is not as it should be.
#[derive(Debug, Deserialize)]
struct Reason {
    level: String,
    what: String,
    account: Option<String>,
    name: Option<String>,
    message: String,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (self.live, self.ready) {
            (true, _) => "live",
            (false, true) => "ready",
            (false, false) => "not ready",
        };
        writeln!(f, "{word}")?;
        for reason in &self.reasons {
            let Reason {
                level,
                what,
                message,
                ..
            } = reason;
            write!(f, "{level}: {what}")?;
            for name in [&reason.account, &reason.name].into_iter().flatten() {
                write!(f, " {name}")?;
            }
            writeln!(f, ": {message}")?;
        }
        Ok(())
    }
}

/// Asks, and tells in lines what is said.
///
/// # Errors
/// Where there is no good answer.
pub fn run(args: &HealthArgs, out: &mut dyn Write) -> Result<(), HealthError> {
    let page = if args.ready { "ready" } else { "live" };
    let (status, text) = ask(args, page)?;
    let read = serde_json::from_str::<Page>(&text);
    if args.json && read.is_ok() {
        writeln!(out, "{}", text.trim_end())?;
    }
    let said = match read {
        Ok(page) => page.to_string(),
        Err(_) => text,
    };
    match status {
        200 if args.json => Ok(()),
        200 => Ok(out.write_all(said.as_bytes())?),
        404 => Err(HealthError::Foreign(args.address)),
        _ => Err(HealthError::Unwell { status, said }),
    }
}

/// The status and the text of a page. HTTP/1.0, so that the answer ends with the connection.
fn ask(args: &HealthArgs, page: &str) -> Result<(u16, String), HealthError> {
    let address = args.address;
    let wire = format!("GET /health/{page} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    let asked = connect(address, args.tls, PATIENCE).and_then(|mut stream| {
        stream.write_all(wire.as_bytes())?;
        stream.take(LONGEST).read_to_end(&mut answer)
    });
    asked.map_err(|cause| HealthError::Silent { address, cause })?;
    parse(&String::from_utf8_lossy(&answer)).ok_or(HealthError::Foreign(address))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some((status.get(..3)?.parse().ok()?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Answers one connection with these bytes; what it was asked is the thread's result.
    fn answers(with: &'static str) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.extend(byte);
            }
            stream.write_all(with.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        (address, asked)
    }

    fn told(address: SocketAddr, ready: bool) -> Result<String, String> {
        let mut out = Vec::new();
        let args = HealthArgs {
            address,
            ready,
            tls: false,
            json: false,
        };
        run(&args, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_good_answer_is_told_in_lines() {
        let degraded = "HTTP/1.0 200 OK\r\n\r\n\
            {\"ready\":true,\"reasons\":[{\"level\":\"degraded\",\"what\":\"upstream\",\
            \"account\":\"shop\",\"name\":\"store\",\"message\":\"1 of 2 servers are down\"}]}";
        for (ready, page, answer, lines) in [
            (
                false,
                "live",
                "HTTP/1.0 200 OK\r\n\r\n{\"live\":true}",
                "live\n",
            ),
            (
                true,
                "ready",
                degraded,
                "ready\ndegraded: upstream shop store: 1 of 2 servers are down\n",
            ),
        ] {
            let (address, asked) = answers(answer);
            assert_eq!(told(address, ready).unwrap(), lines);
            let asked = asked.join().unwrap();
            assert!(asked.starts_with(&format!("GET /health/{page} HTTP/1.0\r\n")));
        }
    }

    #[test]
    fn a_machine_is_told_what_was_answered_good_or_not() {
        for (wire, code, page) in [
            (
                "HTTP/1.0 200 OK\r\n\r\n{\"live\":true}",
                true,
                "{\"live\":true}\n",
            ),
            (
                "HTTP/1.0 503 No\r\n\r\n{\"ready\":false}",
                false,
                "{\"ready\":false}\n",
            ),
        ] {
            let (address, _) = answers(wire);
            let mut out = Vec::new();
            let args = HealthArgs {
                address,
                ready: true,
                tls: false,
                json: true,
            };
            assert_eq!(run(&args, &mut out).is_ok(), code);
            assert_eq!(String::from_utf8(out).unwrap(), page);
        }
    }

    #[test]
    fn a_process_that_is_not_ready_is_not_well_and_says_why() {
        let wire = "HTTP/1.0 503 Service Unavailable\r\n\r\n{\"ready\":false,\"reasons\":[\
            {\"level\":\"failed\",\"what\":\"draining\",\"message\":\"the process ends\"}]}";
        let (address, _) = answers(wire);
        assert_eq!(
            told(address, true).unwrap_err(),
            "503: not ready\nfailed: draining: the process ends"
        );
    }

    #[test]
    fn whoever_speaks_otherwise_is_somebody_else() {
        for wire in [
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 20\r\n\r\n",
            "",
        ] {
            let (address, _) = answers(wire);
            let said = told(address, false).unwrap_err();
            assert_eq!(said, format!("{address} is no admin address of Vestibule"));
        }
    }

    #[test]
    fn nobody_there_is_said_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let said = told(address, false).unwrap_err();
        assert!(
            said.starts_with(&format!("{address} does not answer: ")),
            "{said}"
        );
    }
}
