//! How long a client is waited for. The clock is tokio's, stopped: it moves when all wait.

use std::future::poll_fn;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What became of a wait.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Bytes(usize),
    Error(ErrorKind),
    Ended(Option<Cause>),
}

struct Call {
    line: Line,
    pace: Arc<Pace>,
    client: DuplexStream,
    began: Instant,
}

impl Call {
    fn new() -> Self {
        Self::through(1 << 16)
    }

    /// A connection on which so many bytes may be under way.
    fn through(room: usize) -> Self {
        let (client, server) = tokio::io::duplex(room);
        let patience = Patience {
            idle: secs(60),
            head: secs(10),
            body: secs(20),
            body_rate: 512,
            answer: secs(30),
        };
        let bounds = Bounds {
            patience,
            head_bytes: 1024,
        };
        let (line, pace) = Line::over(Box::new(server), bounds).unwrap();
        Self {
            line,
            pace,
            client,
            began: Instant::now(),
        }
    }

    /// Reads as pingora would, and ends where the door would.
    async fn read(&mut self) -> Came {
        let (line, pace) = (&mut self.line, &self.pace);
        poll_fn(|context| {
            let mut room = [0; 4096];
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut *line).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) => Poll::Ready(Came::Bytes(buffer.filled().len())),
                Poll::Ready(Err(error)) => Poll::Ready(Came::Error(error.kind())),
                Poll::Pending if pace.has_ended() => Poll::Ready(Came::Ended(pace.fault())),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.unwrap();
    }

    /// What the client heard until the connection was closed.
    async fn heard(self) -> String {
        let Self {
            line, mut client, ..
        } = self;
        drop(line);
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        heard
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_not_waited_for_longer_than_one_that_stops() {
    for drops in [0, 5, 1000] {
        let mut call = Call::new();
        call.send(b"G").await;
        assert_eq!(call.read().await, Came::Bytes(1));
        let mut came = Came::Bytes(1);
        for _ in 0..drops {
            let waited = tokio::time::timeout(secs(1), call.read()).await;
            if let Ok(ended) = waited {
                came = ended;
                break;
            }
            call.send(b"E").await;
            came = call.read().await;
        }
        if came == Came::Bytes(1) {
            came = call.read().await;
        }
        assert_eq!(came, Came::Ended(Some(Cause::SlowHead)), "{drops}");
        let took = call.began.elapsed().as_millis();
        assert!((10_000..=11_001).contains(&took), "{drops}: {took}");
        let heard = call.heard().await;
        assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_comes_is_left_after_the_idle_time_without_a_word() {
    let mut call = Call::new();
    assert_eq!(call.read().await, Came::Ended(None));
    assert_eq!(call.began.elapsed().as_secs(), 60);
    assert_eq!(call.heard().await, "");
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_whole_need_no_clock() {
    let mut call = Call::new();
    for _ in 0..3 {
        call.send(HEAD).await;
        assert_eq!(call.read().await, Came::Bytes(HEAD.len()));
        call.pace.begun(false);
        call.line.write_all(b"HTTP/1.1 204 \r\n\r\n").await.unwrap();
        call.line.flush().await.unwrap();
        call.pace.over(false, false);
    }
    assert!(call.line.reading.0.is_none() && call.line.writing.0.is_none());
}

#[tokio::test(start_paused = true)]
async fn between_requests_and_during_one_a_client_owes_nothing() {
    let mut call = Call::new();
    call.send(HEAD).await;
    call.read().await;
    for begun in [true, false] {
        if begun {
            call.pace.begun(false);
        } else {
            call.pace.over(false, false);
        }
        let waited = tokio::time::timeout(secs(3600), call.read()).await;
        assert!(waited.is_err(), "{waited:?}");
    }
    // The head of the second request is waited for like that of the first.
    call.send(b"GET").await;
    assert_eq!(call.read().await, Came::Bytes(3));
    assert_eq!(call.read().await, Came::Ended(Some(Cause::SlowHead)));
}

#[tokio::test(start_paused = true)]
async fn a_head_over_the_limit_is_refused_before_its_end_and_the_client_hears_it() {
    let mut call = Call::through(2048);
    let (mut theirs, _) = tokio::io::duplex(1);
    std::mem::swap(&mut theirs, &mut call.client);
    let sends = tokio::spawn(async move {
        // Sends on for a while, as somebody would who has not looked up yet.
        for _ in 0..200 {
            theirs.write_all(&[b'a'; 1000]).await.unwrap();
        }
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).await.unwrap();
        heard
    });
    let mut read = 0;
    let came = loop {
        match call.read().await {
            Came::Bytes(bytes) => read += bytes,
            other => break other,
        }
    };
    assert_eq!(came, Came::Ended(Some(Cause::LargeHead)));
    assert!((1025..=1024 + 4096).contains(&read), "{read}");
    drop(call);
    let heard = sends.await.unwrap();
    assert!(heard.starts_with("HTTP/1.1 431 "), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_body_has_to_come_on() {
    for (step, bytes, lasts) in [
        // Nothing; a byte each second; half of the rate; what is asked, and for long.
        (0, 0, 20),
        (1, 1, 20),
        (1, 256, 39),
        (1, 600, 3600),
    ] {
        let mut call = Call::new();
        call.pace.begun(true);
        let mut came = Came::Bytes(bytes);
        while step > 0 && came == Came::Bytes(bytes) && call.began.elapsed() < secs(3600) {
            let next = Instant::now() + secs(step);
            let waited = tokio::time::timeout_at(next, call.read()).await;
            if let Ok(ended) = waited {
                came = ended;
                break;
            }
            call.send(&vec![b'a'; bytes]).await;
            came = call.read().await;
        }
        if step == 0 {
            came = call.read().await;
        }
        let took = call.began.elapsed().as_secs();
        assert!((lasts..=lasts + 1).contains(&took), "{bytes}: {took} s");
        if lasts < 3600 {
            assert_eq!(came, Came::Error(ErrorKind::TimedOut));
            assert_eq!(call.pace.fault(), Some(Cause::SlowBody));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_blamed_for_a_store_that_takes_its_body_slowly() {
    let mut call = Call::new();
    call.pace.begun(true);
    for _ in 0..100 {
        call.send(b"a").await;
        assert_eq!(call.read().await, Came::Bytes(1));
        // The store takes its time; nobody reads.
        tokio::time::advance(secs(15)).await;
    }
    call.pace.received();
    let waited = tokio::time::timeout(secs(600), call.read()).await;
    assert!(
        waited.is_err(),
        "what is whole is not waited for: {waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_of_its_answer_is_left_and_a_slow_one_is_not() {
    let mut slow = Call::through(64);
    slow.pace.begun(false);
    let answer = vec![b'a'; 64 * 20];
    let took = tokio::join!(slow.line.write_all(&answer), async {
        let mut room = [0; 64];
        for _ in 0..20 {
            tokio::time::advance(secs(29)).await;
            slow.client.read_exact(&mut room).await.unwrap();
        }
    });
    assert!(took.0.is_ok(), "{took:?}");

    let mut gone = Call::through(64);
    gone.pace.begun(false);
    let began = Instant::now();
    let error = gone.line.write_all(&answer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(gone.pace.fault(), Some(Cause::SlowAnswer));
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_http2_has_to_begin_and_owes_nothing_else_but_bodies() {
    let mut silent = Call::new();
    silent.pace.share();
    silent.send(b"PRI").await;
    assert_eq!(silent.read().await, Came::Bytes(3));
    assert_eq!(silent.read().await, Came::Ended(Some(Cause::SlowHead)));
    assert_eq!(silent.began.elapsed().as_secs(), 10);

    let mut call = Call::new();
    call.pace.share();
    call.send(PREFACE).await;
    assert_eq!(call.read().await, Came::Bytes(24));
    let idle = tokio::time::timeout(secs(600), call.read()).await;
    assert!(idle.is_err(), "pingora ends it: {idle:?}");
    call.send(b"frames").await;
    assert_eq!(call.read().await, Came::Bytes(6));
    call.pace.begun(true);
    assert_eq!(call.read().await, Came::Ended(Some(Cause::SlowBody)));
    assert_eq!(call.began.elapsed().as_secs(), 620);
}
