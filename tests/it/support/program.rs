//! The built program: commands that end, and a demo on ports that the system chose.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;

use super::Reply;

/// How often a demo that does not listen yet is asked again, and how soon.
const ATTEMPTS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// How long a demo may take to stop: its grace and the last seconds, with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the system's free ports are tried before giving up.
const TRIES: usize = 5;

/// The program with these arguments, undisturbed by the caller's environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.args(arguments).env_clear();
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Said {
    program(arguments).output().unwrap().into()
}

/// A running `vestibule demo`; ended when dropped.
#[derive(Debug)]
pub(crate) struct Demo {
    child: Child,
    pub port: u16,
    pub storefront_port: u16,
    pub admin_port: u16,
    folder: TempDir,
}

impl Demo {
    /// A demo that answers.
    pub(crate) async fn start() -> Self {
        for _ in 0..TRIES {
            let mut demo = Self::begin(free_ports());
            if demo.answers().await {
                return demo;
            }
            // Somebody else took one of the ports in between; anything else is a failure.
            let log = demo.log();
            assert!(log.contains("cannot listen"), "the demo ended:\n{log}");
        }
        panic!("no free ports");
    }

    fn begin([port, storefront_port, admin_port]: [u16; 3]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = |name: &str| File::create(folder.path().join(name)).unwrap();
        let mut command = tokio::process::Command::from(program(&["demo"]));
        command
            .args(["--port", &port.to_string()])
            .args(["--storefront-port", &storefront_port.to_string()])
            .args(["--admin-port", &admin_port.to_string()])
            .arg("--data")
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"))
            .kill_on_drop(true);
        Self {
            child: command.spawn().unwrap(),
            port,
            storefront_port,
            admin_port,
            folder,
        }
    }

    /// Waits until the store is up behind the proxy; false where the program has ended.
    async fn answers(&mut self) -> bool {
        let ready = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut attempts = tokio::time::interval(PAUSE);
        for _ in 0..ATTEMPTS {
            tokio::select! {
                _ = self.child.wait() => return false,
                _ = attempts.tick() => {}
            }
            let admin = TcpStream::connect(("127.0.0.1", self.admin_port)).await;
            let answer = ask(self.port, ready).await;
            if admin.is_ok() && answer.is_some_and(|reply| reply.status == 200) {
                return true;
            }
        }
        panic!("the demo does not answer:\n{}", self.log());
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it said so far, both streams.
    pub(crate) fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        format!("{}{}", read("out"), read("err"))
    }

    /// Tells it to stop, as an orchestrator would, and waits for its end.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("sh")
            .args(["-c", r#"kill -s TERM "$0""#, &id])
            .status();
        assert!(sent.unwrap().success(), "cannot signal {id}");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("the demo goes on:\n{}", self.log()));
        ended.unwrap()
    }
}

/// Three ports that are free now, all held at once so that they differ.
pub(crate) fn free_ports() -> [u16; 3] {
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Sends a request over a connection of its own; `None` where nobody answers.
pub(crate) async fn ask(port: u16, wire: &str) -> Option<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let wire = wire.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(wire.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    answer
        .windows(4)
        .any(|four| four == b"\r\n\r\n")
        .then(|| Reply::parse(&answer))
}

/// A file of a test's own.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
