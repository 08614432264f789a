//! A hand-over that comes to nothing is nothing to the process that runs.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use vestibule::handover::{Request, TakeError, take};

use super::house::House;
use super::walkers::Walker;
use crate::support::program::{ask, signal};
use crate::support::valkey::eventually;

/// What a process of this test says that it is.
fn request(house: &House) -> Request {
    let sessions = std::fs::canonicalize(house.folder.path().join("sessions")).unwrap();
    Request {
        program: "0.0.0".to_owned(),
        process: std::process::id(),
        store: format!("files in {}", sessions.display()),
        records: 1,
    }
}

async fn refused(house: &House, request: &Request) -> String {
    match take(&house.socket(), request).await {
        Err(TakeError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_that_dies_in_the_middle_is_nothing_to_the_old_one() {
    let (house, mut old) = House::start().await;
    let mut walker = Walker::to(house.port);
    walker.look().await.unwrap();
    walker.count_up().await.unwrap();
    // It has the sockets, and gets no further.
    let taken = take(&house.socket(), &request(&house)).await.unwrap();
    assert_eq!(taken.from.0, old.id());
    let address = format!("127.0.0.1:{}", house.port);
    assert!(taken.sockets.contains_key(&address), "{:?}", taken.sockets);
    walker.count_up().await.unwrap();
    // Meanwhile nobody else takes over.
    let second = house.fail_to_upgrade();
    assert_eq!(second.code, 2, "{second:?}");
    let why = "does not hand over: another process is taking over already";
    assert!(second.err.contains(why), "{second:?}");
    drop(taken);
    eventually("it is noticed", async || {
        old.log().contains("this one goes on")
    })
    .await;
    walker.count_up().await.unwrap();
    walker.hang_up();
    // The next one comes further.
    let mut new = house.upgrade();
    assert!(old.ended().await.success(), "{}", old.log());
    walker.count_up().await.unwrap();
    assert!(new.stop().await.success(), "{}", new.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_configuration_is_told_and_the_old_process_goes_on() {
    let (house, mut old) = House::start().await;
    let mut walker = Walker::to(house.port);
    walker.look().await.unwrap();
    walker.count_up().await.unwrap();
    house.rewrite(|text| text.replace("[account.directory]", "[account.directorie]"));
    let said = house.fail_to_upgrade();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("directorie"), "{said:?}");
    house.rewrite(|text| text.replace("[account.directorie]", "[account.directory]"));
    // Sessions would be lost.
    house.rewrite(|text| text.replace("path = \"sessions\"", "path = \"others\""));
    let said = house.fail_to_upgrade();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("in another store"), "{said:?}");
    house.rewrite(|text| text.replace("path = \"others\"", "path = \"sessions\""));
    // A socket of its own that it cannot have.
    house.rewrite(|text| {
        let taken = format!("127.0.0.1:{}", house.demo.port);
        format!("{text}\n[[listener]]\nname = \"more\"\naddress = \"{taken}\"\n")
    });
    let said = house.fail_to_upgrade();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("cannot listen on"), "{said:?}");
    walker.count_up().await.unwrap();
    assert!(old.stop().await.success(), "{}", old.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_another_version_or_keeps_other_records_is_refused_and_told_why() {
    let (house, mut old) = House::start().await;
    let mut stream = UnixStream::connect(house.socket()).await.unwrap();
    stream
        .write_all(b"VSTB\x02\x00\x00\x02\x00\x00\x00{}")
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.contains("version 1 of the hand-over, and the new one 2"),
        "{answer}"
    );
    let newer = Request {
        records: 2,
        ..request(&house)
    };
    let why = refused(&house, &newer).await;
    assert!(
        why.contains("records of version 1, and the new one of version 2"),
        "{why}"
    );
    // Noise is no request.
    let mut stream = UnixStream::connect(house.socket()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(matches!(
        stream.read_to_end(&mut Vec::new()).await,
        Ok(0) | Err(_)
    ));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(house.socket()).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let healthy = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(ask(house.port, healthy).await.unwrap().status, 200);
    assert!(old.stop().await.success(), "{}", old.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_to_take_over_from_and_somebody_in_the_way_are_told_apart() {
    let (house, mut old) = House::start().await;
    // Not asked to take over, it does not.
    let config = house.config();
    let said = crate::support::program::run(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("--upgrade takes over from it"),
        "{said:?}"
    );
    assert!(old.stop().await.success(), "{}", old.log());
    let said = house.fail_to_upgrade();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err
            .contains("without --upgrade this one starts on its own"),
        "{said:?}"
    );
    house.rewrite(|text| text.replace("handover_socket", "# handover_socket"));
    let said = house.fail_to_upgrade();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains("--upgrade needs server.handover_socket"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_process_that_dies_while_it_leaves_takes_no_answered_change_with_it() {
    let (house, mut old) = House::start().await;
    let mut walkers = Vec::new();
    for _ in 0..4 {
        let mut walker = Walker::to(house.port);
        walker.log_in("ana@example.com", super::ANA).await;
        walker.look().await.unwrap();
        walker.count_up().await.unwrap();
        walkers.push(walker);
    }
    // An upload that does not end keeps it from leaving.
    let _upload = begun_upload(house.port).await;
    let mut new = house.upgrade();
    eventually("the new one serves", async || {
        new.log().contains("in the place of the one before")
    })
    .await;
    for walker in &mut walkers {
        // By the new one, which asks the old one for them.
        walker.hang_up();
        walker.count_up().await.unwrap();
        walker.look().await.unwrap();
    }
    assert!(!new.log().contains("this process's own"), "{}", new.log());
    signal("KILL", old.id());
    old.ended().await;
    eventually("the store is the new one's", async || {
        new.log().contains("this process's own")
    })
    .await;
    for walker in &mut walkers {
        walker.finds_its_count().await.unwrap();
        walker.count_up().await.unwrap();
        walker.look().await.unwrap();
    }
    assert!(new.stop().await.success(), "{}", new.log());
    let mut third = house.begin(&[]);
    assert!(third.answers(house.port, house.admin_port).await);
    for walker in &mut walkers {
        walker.hang_up();
        walker.finds_its_count().await.unwrap();
    }
}

/// A request whose body does not come to its end.
pub(super) async fn begun_upload(port: u16) -> TcpStream {
    let mut upload = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000000\r\n\r\nbegin"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload
}
