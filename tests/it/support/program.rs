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
const PATIENCE: Duration = Duration::from_mins(1);

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

/// A program that serves; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// What it says, and whatever else belongs to it alone.
    folder: TempDir,
}

impl Running {
    pub(crate) fn begin(command: Command, folder: TempDir) -> Self {
        let log = |name: &str| File::create(folder.path().join(name)).unwrap();
        let mut command = tokio::process::Command::from(command);
        command
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"))
            .kill_on_drop(true);
        Self {
            child: command.spawn().unwrap(),
            folder,
        }
    }

    /// Waits until proxy and admin answer; false where the program has ended.
    pub(crate) async fn answers(&mut self, port: u16, admin_port: u16) -> bool {
        let healthy = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        self.answers_to(async || {
            ask(admin_port, live).await.is_some() && ask(port, healthy).await.is_some()
        })
        .await
    }

    /// Waits until somebody who asks is content; false where the program has ended.
    pub(crate) async fn answers_to(&mut self, asks: impl AsyncFn() -> bool) -> bool {
        let mut attempts = tokio::time::interval(PAUSE);
        for _ in 0..ATTEMPTS {
            tokio::select! {
                _ = self.child.wait() => return false,
                _ = attempts.tick() => {}
            }
            if asks().await {
                return true;
            }
        }
        panic!("the program does not answer:\n{}", self.log());
    }

    /// What it said so far, both streams.
    pub(crate) fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        format!("{}{}", read("out"), read("err"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Tells it to stop, as an orchestrator would, and waits for its end.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        signal("TERM", self.id());
        self.ended().await
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("the program goes on:\n{}", self.log()));
        ended.unwrap()
    }

    /// Has it read its configuration again.
    pub(crate) fn hang_up(&self) {
        signal("HUP", self.id());
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Ends it as a crash would, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Begins the same program anew, in the same folder.
    fn again(&mut self, command: Command) {
        let log = |name: &str| File::create(self.folder.path().join(name)).unwrap();
        let mut command = tokio::process::Command::from(command);
        command
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"))
            .kill_on_drop(true);
        self.child = command.spawn().unwrap();
    }

    /// It ended because somebody else took one of its ports in between; anything else is a failure.
    fn lost_a_port(&self) {
        let log = self.log();
        assert!(log.contains("cannot listen"), "the program ended:\n{log}");
    }
}

/// Sends a signal to a process that a test has started.
pub(crate) fn signal(name: &str, process: u32) {
    let script = r#"kill -s "$0" "$1""#;
    let sent = Command::new("sh")
        .args(["-c", script, name, &process.to_string()])
        .status();
    assert!(sent.unwrap().success(), "cannot signal {process}");
}

/// A running `vestibule demo`; ended when dropped.
#[derive(Debug)]
pub(crate) struct Demo {
    running: Running,
    options: Vec<String>,
    pub port: u16,
    pub storefront_port: u16,
    pub admin_port: u16,
}

impl Demo {
    /// A demo that answers, its storefront too.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more options.
    pub(crate) async fn start_with(options: &[&str]) -> Self {
        for _ in 0..TRIES {
            let mut demo = Self::begin(free_ports(), options);
            if demo.answers().await {
                return demo;
            }
            demo.running.lost_a_port();
        }
        panic!("no free ports");
    }

    fn begin(ports: [u16; 3], options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Self::command(ports, &folder.path().join("data"));
        command.args(options);
        let [port, storefront_port, admin_port] = ports;
        Self {
            running: Running::begin(command, folder),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            port,
            storefront_port,
            admin_port,
        }
    }

    fn command([port, storefront_port, admin_port]: [u16; 3], data: &Path) -> Command {
        let mut command = program(&["demo"]);
        command
            .args(["--port", &port.to_string()])
            .args(["--storefront-port", &storefront_port.to_string()])
            .args(["--admin-port", &admin_port.to_string()])
            .arg("--data")
            .arg(data);
        command
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.running.kill().await;
    }

    /// The same demo anew, over the same data, once it answers.
    pub(crate) async fn start_again(&mut self) {
        let ports = [self.port, self.storefront_port, self.admin_port];
        let mut command = Self::command(ports, &self.data());
        command.args(&self.options);
        self.running.again(command);
        assert!(self.answers().await, "{}", self.log());
    }

    async fn answers(&mut self) -> bool {
        let page = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut attempts = tokio::time::interval(PAUSE);
        for _ in 0..ATTEMPTS {
            if !self.running.answers(self.port, self.admin_port).await {
                return false;
            }
            if ask(self.port, page)
                .await
                .is_some_and(|reply| reply.status == 200)
            {
                return true;
            }
            attempts.tick().await;
        }
        panic!("the storefront does not answer:\n{}", self.log());
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.running.folder.path().join("data")
    }

    pub(crate) fn log(&self) -> String {
        self.running.log()
    }

    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.running.stop().await
    }
}

/// A running `vestibule run` on the demo's configuration, without a storefront behind it; the
/// configuration lies in `run.toml` of its folder. With it, the proxy's port.
pub(crate) async fn run_demo_configuration() -> (Running, PathBuf, u16) {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let read = |name: &str| std::fs::read_to_string(conf.join(name)).unwrap();
    for _ in 0..TRIES {
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let mut text = read("demo.toml").replace("../data/demo/", "keys/");
        for (usual, port) in ["8080", "9090", "8081"].iter().zip(ports) {
            text = text.replace(&format!("127.0.0.1:{usual}"), &format!("127.0.0.1:{port}"));
        }
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/examples/");
        let text = text.replace("\"examples/", &format!("\"{examples}"));
        let config = write(folder.path(), "run.toml", &text);
        write(
            folder.path(),
            "demo-directory.toml",
            &read("demo-directory.toml"),
        );
        let path = folder.path().to_owned();
        let mut running = Running::begin(program(&["run", "--config", &config]), folder);
        let [port, admin_port, _] = ports;
        if running.answers(port, admin_port).await {
            return (running, path, port);
        }
        running.lost_a_port();
    }
    panic!("no free ports");
}

/// A running `vestibule run` on the demo's configuration with its sessions on a shared server, and
/// with the keys and the storefront of a running demo. With it, the proxy's port.
pub(crate) async fn run_instance(demo: &Demo, server_port: u16) -> (Running, u16) {
    let storefront = format!("127.0.0.1:{}", demo.storefront_port);
    run_instance_before(demo, server_port, &storefront).await
}

/// The same before these servers: addresses as they stand in a list of the configuration, without
/// the outer quotes.
pub(crate) async fn run_instance_before(
    demo: &Demo,
    server_port: u16,
    servers: &str,
) -> (Running, u16) {
    let (running, [port, _]) = run_instance_told(demo, server_port, servers).await;
    (running, port)
}

/// The same, with the port of its admin listener beside that of the proxy.
pub(crate) async fn run_instance_told(
    demo: &Demo,
    server_port: u16,
    servers: &str,
) -> (Running, [u16; 2]) {
    let store = format!(
        "kind = \"valkey\"\naddresses = [\"127.0.0.1:{server_port}\"]\ndeadline = \"5s\"\n#"
    );
    let change = |text: String, _: &Path| {
        text.replace("kind = \"embedded\"", &store)
            .replace("path = \"../data/demo/sessions\"", "")
            .replace("127.0.0.1:8081", servers)
    };
    run_beside(demo, &change).await
}

/// A running `vestibule run` on what `change` makes of the demo's configuration in a folder of its own,
/// with the keys of a running demo. With it, the ports of the proxy and of the admin listener.
pub(crate) async fn run_beside(
    demo: &Demo,
    change: &dyn Fn(String, &Path) -> String,
) -> (Running, [u16; 2]) {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let read = |name: &str| std::fs::read_to_string(conf.join(name)).unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/examples/");
    for _ in 0..TRIES {
        let folder = tempfile::tempdir().unwrap();
        let [port, admin_port, _] = free_ports();
        let text = change(read("demo.toml"), folder.path())
            .replace("../data/demo", demo.data().to_str().unwrap())
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:9090", &format!("127.0.0.1:{admin_port}"))
            .replace("\"examples/", &format!("\"{examples}"));
        let config = write(folder.path(), "run.toml", &text);
        let directory = read("demo-directory.toml");
        write(folder.path(), "demo-directory.toml", &directory);
        let mut running = Running::begin(program(&["run", "--config", &config]), folder);
        if running.answers(port, admin_port).await {
            return (running, [port, admin_port]);
        }
        running.lost_a_port();
    }
    panic!("no free ports");
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
