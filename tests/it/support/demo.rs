//! The built program's demo, on ports that were free and in a directory of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_vestibule");

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_mins(1);
/// How often other ports are tried, should another process have taken one in between.
const TRIES: usize = 5;
/// The ports that documents name: proxy, storefront, admin, session app.
const SHOWN: [u16; 4] = [8080, 8081, 9090, 8082];

/// A running demo; it ends with this value.
pub(crate) struct Demo {
    child: Child,
    ports: [u16; 4],
    greeting: String,
}

impl Demo {
    /// Starts a demo that keeps its data below `folder`, and waits until it answers.
    pub(crate) fn start(folder: &Path) -> Self {
        for _ in 0..TRIES {
            let ports = free_ports();
            if let Some(demo) = Self::try_start(folder, ports) {
                return demo;
            }
        }
        panic!(
            "the demo does not start: {}",
            std::fs::read_to_string(folder.join("demo.log")).unwrap_or_default()
        );
    }

    fn try_start(folder: &Path, ports: [u16; 4]) -> Option<Self> {
        let options = [
            "--port",
            "--storefront-port",
            "--admin-port",
            "--perks-port",
        ];
        let options = options.iter().zip(ports.map(|port| port.to_string()));
        let mut child = Command::new(PROGRAM)
            .arg("demo")
            .args(["--data", "data/demo"])
            .args(options.flat_map(|(name, port)| [(*name).to_owned(), port]))
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("demo.log")).unwrap())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        // The admin's address is the last thing that it says before it serves.
        while said.read_line(&mut greeting).unwrap() > 0 && !greeting.contains("\nadmin ") {}
        let mut demo = Self {
            child,
            ports,
            greeting,
        };
        demo.is_up().then_some(demo)
    }

    /// Waits until all three listeners answer; `false` where the program ended instead.
    fn is_up(&mut self) -> bool {
        let until = Instant::now() + START;
        let [street, _, admin, _] = self.ports;
        while Instant::now() < until && self.child.try_wait().unwrap().is_none() {
            // This path leads through the proxy to the storefront.
            if answers(street, "/healthz") && answers(admin, "/health/ready") {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// What it said when it started, with the ports that documents name.
    pub(crate) fn greeting(&self) -> String {
        self.as_shown(&self.greeting)
    }

    /// A text of a document, with the demo's own ports.
    pub(crate) fn as_run(&self, text: &str) -> String {
        let pairs = SHOWN.into_iter().zip(self.ports);
        pairs.fold(text.to_owned(), |text, pair| swap_port(&text, pair))
    }

    /// What the demo said, with the ports that documents name.
    pub(crate) fn as_shown(&self, text: &str) -> String {
        let pairs = self.ports.into_iter().zip(SHOWN);
        pairs.fold(text.to_owned(), |text, pair| swap_port(&text, pair))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn swap_port(text: &str, (from, to): (u16, u16)) -> String {
    text.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}"))
}

/// All at once, so that they differ.
fn free_ports() -> [u16; 4] {
    let listeners = [(); 4].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, START)?;
        stream.set_read_timeout(Some(START))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
