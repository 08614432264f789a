//! What a service manager is told, and the sockets that it opens.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::house::{House, Stranger};
use crate::support::program::{Running, ask, program, signal};
use crate::support::valkey::eventually;

/// Hears what processes tell.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        Self { socket }
    }

    fn told(&self) -> String {
        let mut message = [0; 1024];
        let length = loop {
            match self.socket.recv(&mut message) {
                // A signal to this process, which has children, interrupts the wait.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.unwrap(),
            }
        };
        String::from_utf8_lossy(&message[..length]).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_manager_is_told_of_start_reload_hand_over_and_end() {
    let (house, mut before) = House::start().await;
    assert!(before.stop().await.success());
    let path = house.folder.path().join("notify.sock");
    let manager = Manager::at(&path);
    let config = house.config();
    let begin = |options: &[&str]| {
        let arguments = ["run", "--config", config.to_str().unwrap()];
        let arguments: Vec<&str> = arguments.iter().chain(options).copied().collect();
        let mut command = program(&arguments);
        command.env("NOTIFY_SOCKET", &path);
        Running::begin(command, tempfile::tempdir().unwrap())
    };
    let mut old = begin(&[]);
    assert_eq!(manager.told(), "READY=1\n");
    old.hang_up();
    let reloading = manager.told();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(manager.told(), "READY=1\n");
    let mut new = begin(&["--upgrade"]);
    let mut told = [manager.told(), manager.told()];
    told.sort();
    let main = format!("MAINPID={}\n", new.id());
    assert_eq!(told, [main.clone(), format!("{main}READY=1\n")]);
    assert!(old.ended().await.success(), "{}", old.log());
    assert!(new.stop().await.success(), "{}", new.log());
    assert_eq!(manager.told(), "STOPPING=1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_the_service_manager_has_opened_is_listened_on() {
    let (house, mut before) = House::start().await;
    assert!(before.stop().await.success());
    let listener = TcpListener::bind(("127.0.0.1", house.port)).unwrap();
    let script = r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@""#;
    let run = program(&["run", "--config", house.config().to_str().unwrap()]);
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", script])
        .arg(run.get_program())
        .args(run.get_args())
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let process = Stranger(child.id());
    let page = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    eventually("it answers", async || {
        let reply = ask(house.port, page).await;
        reply.is_some_and(|reply| reply.status == 200)
    })
    .await;
    signal("TERM", process.0);
    assert!(child.wait().unwrap().success());
}
