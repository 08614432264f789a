//! Shoppers under way: each on a connection that it keeps for as long as it may, one request after
//! the other, and none of them may fail.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::support::Reply;
use crate::support::kept::whole;

/// A shopper with a cookie jar and a kept connection.
pub(crate) struct Walker {
    port: u16,
    stream: Option<TcpStream>,
    jar: BTreeMap<String, String>,
    /// The last number that was written and answered.
    pub(crate) count: u64,
    /// By whom it is to be known.
    pub(crate) user: Option<&'static str>,
    session: Option<String>,
}

impl Walker {
    pub(crate) fn to(port: u16) -> Self {
        Self {
            port,
            stream: None,
            jar: BTreeMap::new(),
            count: 0,
            user: None,
            session: None,
        }
    }

    /// Logs in at the store.
    pub(crate) async fn log_in(&mut self, email: &str, user: &'static str) {
        let body = format!("email={}&return_to=%2F", email.replace('@', "%40"));
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let reply = self.ask("POST", "/login", form, &body).await.unwrap();
        assert_eq!(reply.status, 303, "{reply:?}");
        self.user = Some(user);
    }

    /// Writes the next number into the session, and reads it back.
    pub(crate) async fn count_up(&mut self) -> Result<(), String> {
        let next = self.count + 1;
        let body = format!(r#"{{"public":{{"count":{{"value":{next}}}}}}}"#);
        let json = "Content-Type: application/json\r\n";
        let reply = self.ask("PATCH", "/api/sessions", json, &body).await?;
        if reply.status != 200 {
            return Err(format!("{reply:?}"));
        }
        self.count = next;
        self.finds_its_count().await
    }

    /// Reads the number; it is the one that was answered last.
    pub(crate) async fn finds_its_count(&mut self) -> Result<(), String> {
        let found = self.count_found().await?;
        if found == self.count {
            return Ok(());
        }
        Err(format!("written {}, found {found}", self.count))
    }

    /// The number that is in the session.
    pub(crate) async fn count_found(&mut self) -> Result<u64, String> {
        let target = "/api/sessions?items=public.count";
        let reply = self.ask("GET", target, "", "").await?;
        let found = &reply.json()["namespaces"]["public"]["count"]["value"];
        found.as_u64().ok_or_else(|| format!("found {found}"))
    }

    /// Looks at a page: it is the same session and the same person as before.
    pub(crate) async fn look(&mut self) -> Result<(), String> {
        let reply = self.ask("GET", "/echo", "", "").await?;
        if reply.status != 200 {
            return Err(format!("{reply:?}"));
        }
        let headers = &reply.json()["headers"];
        let header = |name: &str| headers[name][0].as_str().map(str::to_owned);
        let user = header("x-session-user-id");
        if user.as_deref() != self.user {
            return Err(format!("it is {user:?} and no more {:?}", self.user));
        }
        let session = header("x-session-id");
        if self.session.is_some() && session != self.session {
            return Err(format!(
                "session {session:?}, and {:?} before",
                self.session
            ));
        }
        self.session = session;
        Ok(())
    }

    /// Comes by another connection from now on.
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }

    async fn ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> Result<Reply, String> {
        let jar = self.jar.iter();
        let pairs: Vec<String> = jar.map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = if pairs.is_empty() {
            String::new()
        } else {
            format!("Cookie: {}\r\n", pairs.join("; "))
        };
        let wire = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n{headers}{cookies}Content-Length: {length}\r\n\r\n{body}",
            port = self.port,
            length = body.len(),
        );
        let reply = self.exchange(&wire).await;
        let reply = reply.map_err(|error| format!("{method} {target}: {error}"))?;
        if reply.header("connection") == Some("close") {
            self.stream = None;
        }
        reply.put_cookies(&mut self.jar);
        Ok(reply)
    }

    async fn exchange(&mut self, wire: &str) -> std::io::Result<Reply> {
        // As every client does that keeps connections: one that the server has closed is not used.
        let closed = self.stream.as_ref().is_some_and(|stream| {
            let read = stream.try_read(&mut [0]);
            !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        });
        if closed {
            self.stream = None;
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(TcpStream::connect(("127.0.0.1", self.port)).await?),
        };
        stream.write_all(wire.as_bytes()).await?;
        let mut answer = Vec::new();
        loop {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(std::io::Error::other(format!(
                    "closed after {:?}",
                    String::from_utf8_lossy(&answer)
                )));
            }
            if let Some(reply) = whole(&answer) {
                return Ok(reply);
            }
        }
    }
}

/// Many of them at once.
pub(crate) struct Crowd {
    walking: Vec<JoinHandle<Walker>>,
    way: Arc<Way>,
}

/// Requests that are under way at once; the connections are more. An unoptimised program on a busy
/// machine is to be handed over here, not to be overwhelmed.
const AT_ONCE: usize = 32;

struct Way {
    permits: Semaphore,
    stop: AtomicBool,
    done: AtomicUsize,
    noted: Notify,
    failures: Mutex<Vec<String>>,
}

impl Crowd {
    /// Has all of them walk: one in four writes, all look.
    pub(crate) fn walk(walkers: Vec<Walker>) -> Self {
        let way = Arc::new(Way {
            permits: Semaphore::new(AT_ONCE),
            stop: AtomicBool::default(),
            done: AtomicUsize::default(),
            noted: Notify::default(),
            failures: Mutex::default(),
        });
        let walking = walkers.into_iter().enumerate().map(|(number, walker)| {
            let way = Arc::clone(&way);
            tokio::spawn(async move { way.walked_by(walker, number).await })
        });
        Self {
            walking: walking.collect(),
            way,
        }
    }

    /// Waits until so many more walks are done, or one has failed.
    pub(crate) async fn goes_on(&self, more: usize) {
        let wanted = self.way.done.load(Ordering::SeqCst) + more;
        loop {
            let noted = self.way.noted.notified();
            let done = self.way.done.load(Ordering::SeqCst) >= wanted;
            if done || !self.way.failures.lock().is_empty() {
                return;
            }
            noted.await;
        }
    }

    /// Has all come to rest; not one request has failed.
    pub(crate) async fn rest(self, log: impl Fn() -> String) -> Vec<Walker> {
        self.way.stop.store(true, Ordering::SeqCst);
        let mut walkers = Vec::new();
        for one in self.walking {
            walkers.push(one.await.unwrap());
        }
        let failures = self.way.failures.lock();
        assert!(
            failures.is_empty(),
            "{} failed: {failures:#?}\n{}",
            failures.len(),
            log()
        );
        walkers
    }
}

impl Way {
    async fn walked_by(&self, mut walker: Walker, number: usize) -> Walker {
        while !self.stop.load(Ordering::SeqCst) {
            let _permit = self.permits.acquire().await.unwrap();
            let mut went = walker.look().await;
            if went.is_ok() && number.is_multiple_of(4) {
                went = walker.count_up().await;
            }
            let failed = went.is_err();
            match went {
                Ok(()) => drop(self.done.fetch_add(1, Ordering::SeqCst)),
                Err(why) => self.failures.lock().push(format!("walker {number}: {why}")),
            }
            self.noted.notify_waiters();
            if failed {
                break;
            }
        }
        walker
    }
}
