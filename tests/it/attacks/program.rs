//! Attacks on what the built program has of its machine: memory, and somewhere to write its log.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits::load::more_files;
use crate::limits::served::{How, OPEN, becomes, metric};
use crate::support::origin::Origin;
use crate::support::program::{Running, ask};

const PAGE: &str = "GET /p HTTP/1.1\r\nHost: shop.example\r\n\r\n";
const LISTENERS: &str = r#"
    [server]
    grace = "1s"
    [[listener]]
    name = "plain"
    address = "127.0.0.1:PLAIN"
    "#;

const fn within(script: &str) -> How<'_> {
    How {
        listeners: LISTENERS,
        account: "",
        script: Some(script),
    }
}

/// Kibibytes of memory that the program had at most, and those that it has now.
fn memory(running: &Running) -> [u64; 2] {
    let about = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    ["VmHWM:", "VmRSS:"].map(|name| {
        let line = about.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next();
        number.unwrap().parse().unwrap()
    })
}

/// Sends a head of a mebibyte that has no end, until it is refused; what is heard of it.
async fn endless_head(port: u16) -> String {
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let start = b"GET /p HTTP/1.1\r\nHost: shop.example\r\nX: ";
    let more = vec![b'x'; 16 << 10];
    let mut going_on = client.write_all(start).await.is_ok();
    for _ in 0..64 {
        going_on = going_on && client.write_all(&more).await.is_ok();
    }
    let mut heard = Vec::new();
    // Reset, where it was closed while more was coming.
    drop(client.read_to_end(&mut heard).await);
    String::from_utf8(heard).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_heads_of_a_mebibyte_are_refused_in_little_memory_and_others_are_served() {
    const HEADS: usize = 1_000;
    more_files();
    let origin = Origin::start().await;
    // Of data no more than 256 MiB, by the system's own word: past it there is no memory to be had.
    let little = r#"ulimit -d 262144; exec "$0" "$@""#;
    let (mut running, [plain, _, admin]) = within(little).start(&origin).await;
    for _ in 0..20 {
        assert_eq!(ask(plain, PAGE).await.unwrap().status, 200);
    }
    let [_, before] = memory(&running);
    let mut heads = JoinSet::new();
    for _ in 0..HEADS {
        heads.spawn(endless_head(plain));
    }
    for _ in 0..20 {
        assert_eq!(ask(plain, PAGE).await.unwrap().status, 200);
    }
    let heard = heads.join_all().await;
    let refused = heard
        .iter()
        .filter(|heard| heard.starts_with("HTTP/1.1 431 "));
    assert!(refused.count() > HEADS / 2, "most hear of it");
    becomes(admin, OPEN, 0).await;
    assert_eq!(
        metric(admin, "vestibule_shed_total{cause=\"large_head\"}").await,
        Some(u64::try_from(HEADS).unwrap())
    );
    let [most, _] = memory(&running);
    // Of an unoptimised program: some 140 KiB for each, while it hears that it is refused; kept whole
    // they would be a gibibyte.
    assert!(
        most < before + (192 << 10),
        "{before} KiB, and {most} at most"
    );
    assert!(running.stop().await.success(), "{}", running.log());
}

/// A server of the store whose answers have no end.
async fn endless_answers() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
                socket.write_all(answer.as_bytes()).await.unwrap();
                let mut film = tokio::io::repeat(7).take(1_000_000_000);
                drop(tokio::io::copy(&mut film, &mut socket).await);
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_read_a_few_bytes_now_and_then_have_nothing_piled_up_for_them() {
    const CLIENTS: usize = 200;
    /// Kibibytes for each: pingora has eight pieces of 64 KiB under way, and buffers beside them.
    const MOST: u64 = 1 << 10;
    let origin = Origin::start().await;
    let films = endless_answers().await;
    let account = format!(
        "[[account.upstream]]\nname = \"films\"\naddresses = [\"127.0.0.1:{films}\"]\n\
         [[account.route]]\npath = \"/film\"\nupstream = \"films\"\n"
    );
    let how = How {
        listeners: LISTENERS,
        account: &account,
        script: None,
    };
    let (mut running, [plain, _, admin]) = how.start(&origin).await;
    let film = b"GET /film HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let [_, before] = memory(&running);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(("127.0.0.1", plain)).await.unwrap();
        client.write_all(film).await.unwrap();
        clients.push(client);
    }
    // Ten bytes each, again and again.
    let mut few = [0; 10];
    for _ in 0..20 {
        for client in &mut clients {
            client.read_exact(&mut few).await.unwrap();
        }
        assert_eq!(ask(plain, PAGE).await.unwrap().status, 200);
    }
    let open = metric(admin, OPEN).await.unwrap();
    assert!(open >= u64::try_from(CLIENTS).unwrap(), "{open}");
    let [most, _] = memory(&running);
    assert!(
        most < before + MOST * 200,
        "{before} KiB, and {most} at most"
    );
    drop(clients);
    becomes(admin, OPEN, 0).await;
    assert!(running.stop().await.success(), "{}", running.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_written_costs_no_page_and_no_end() {
    let origin = Origin::start().await;
    for (what, script) in [
        ("no room", r#"exec "$0" "$@" 2>/dev/full"#),
        ("nobody reads", r#"exec "$0" "$@" 2> >(exit 0)"#),
        ("closed", r#"exec "$0" "$@" 2>&-"#),
    ] {
        let (mut running, [plain, ..]) = within(script).start(&origin).await;
        for _ in 0..20 {
            let page = timeout(Duration::from_secs(20), ask(plain, PAGE)).await;
            let status = page.unwrap().map(|page| page.status);
            assert_eq!(status, Some(200), "{what}");
        }
        let ended = running.stop().await;
        assert!(ended.success(), "{what}: {ended}");
    }
}
