//! What two processes say first. The shape of it is the same in every version, so that processes of
//! two versions can tell each other so.

use std::io;
use std::os::fd::OwnedFd;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{GREETING, VERSION, descriptors};

const MAGIC: [u8; 4] = *b"VSTB";
/// The longest text; the names of all sockets are in one.
const LONGEST: u32 = 1 << 20;

const REQUEST: u8 = 0;
const OFFER: u8 = 1;
const REFUSAL: u8 = 2;

/// Asks to take over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version of the program.
    pub program: String,
    /// The process that asks.
    pub process: u32,
    /// Where its sessions live.
    pub store: String,
    /// The version of the records that it writes.
    pub records: u8,
}

/// Agrees; the sockets come after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The version of the program.
    pub program: String,
    /// The process that is to leave.
    pub process: u32,
    /// The addresses of the listening sockets, in order.
    pub sockets: Vec<String>,
}

/// Does not agree.
#[derive(Debug, Serialize, Deserialize)]
struct Refusal {
    why: String,
}

/// Why nothing came of a greeting.
#[derive(Debug, Error)]
pub enum GreetingError {
    /// The connection, or what came over it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Who is there speaks another version.
    #[error("version {0} of the hand-over")]
    Version(u16),
    /// It does not agree.
    #[error("{0}")]
    Refused(String),
}

/// The new process's side: asks, and gets the sockets with their addresses.
pub async fn ask(
    stream: &mut UnixStream,
    request: &Request,
) -> Result<(Offer, Vec<OwnedFd>), GreetingError> {
    in_time(write(stream, REQUEST, request)).await?;
    // The other one may have to wait first.
    let (version, kind, content) = timeout(super::PREPARING * 2, read(stream))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if kind == REFUSAL {
        return Err(GreetingError::Refused(parse::<Refusal>(&content)?.why));
    }
    if version != VERSION {
        return Err(GreetingError::Version(version));
    }
    if kind != OFFER {
        return Err(strange().into());
    }
    let offer: Offer = parse(&content)?;
    let count = offer.sockets.len();
    let sockets = in_time(descriptors::receive(stream, count)).await?;
    Ok((offer, sockets))
}

/// The old process's side: what is asked.
pub async fn hear(stream: &mut UnixStream) -> Result<Request, GreetingError> {
    let (version, kind, content) = in_time(read(stream)).await?;
    if version != VERSION {
        return Err(GreetingError::Version(version));
    }
    if kind != REQUEST {
        return Err(strange().into());
    }
    Ok(parse(&content)?)
}

/// Agrees and passes the sockets.
pub async fn offer(
    stream: &mut UnixStream,
    offer: &Offer,
    sockets: &[OwnedFd],
) -> Result<(), GreetingError> {
    in_time(write(stream, OFFER, offer)).await?;
    in_time(descriptors::send(stream, sockets)).await?;
    Ok(())
}

/// Says why not.
pub async fn refuse(stream: &mut UnixStream, why: &str) -> io::Result<()> {
    let why = why.to_owned();
    in_time(write(stream, REFUSAL, &Refusal { why })).await
}

async fn write(stream: &mut UnixStream, kind: u8, content: &impl Serialize) -> io::Result<()> {
    let content = serde_json::to_vec(content)?;
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.push(kind);
    bytes.extend(length.to_le_bytes());
    bytes.extend(content);
    stream.write_all(&bytes).await
}

/// Reads exactly what belongs to it: sockets may follow.
async fn read(stream: &mut UnixStream) -> io::Result<(u16, u8, Vec<u8>)> {
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).await?;
    if magic != MAGIC {
        return Err(strange());
    }
    let version = stream.read_u16_le().await?;
    let kind = stream.read_u8().await?;
    let length = stream.read_u32_le().await?;
    if length > LONGEST {
        return Err(strange());
    }
    let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
    stream.read_exact(&mut content).await?;
    Ok((version, kind, content))
}

fn parse<T: DeserializeOwned>(content: &[u8]) -> io::Result<T> {
    serde_json::from_slice(content).map_err(|_| strange())
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no Vestibule")
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let done = timeout(GREETING, work).await;
    done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            program: "0.1.0".to_owned(),
            process: 7,
            store: "memory".to_owned(),
            records: 1,
        }
    }

    #[tokio::test]
    async fn sockets_are_passed_to_whoever_is_agreed_with() {
        let (mut new, mut old) = UnixStream::pair().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let offered = Offer {
            program: "0.0.9".to_owned(),
            process: 6,
            sockets: vec![address.to_string()],
        };
        let giving = async {
            assert_eq!(hear(&mut old).await.unwrap(), request());
            let sockets = [OwnedFd::from(listener)];
            offer(&mut old, &offered, &sockets).await.unwrap();
        };
        let wanted = request();
        let (taken, ()) = tokio::join!(ask(&mut new, &wanted), giving);
        let (offer, sockets) = taken.unwrap();
        assert_eq!(offer, offered);
        let [socket] = sockets.try_into().unwrap();
        let passed = std::net::TcpListener::from(socket);
        assert_eq!(passed.local_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn a_refusal_says_why_and_is_understood_in_every_version() {
        let (mut new, mut old) = UnixStream::pair().unwrap();
        let refusing = async {
            hear(&mut old).await.unwrap();
            let mut bytes = b"VSTB".to_vec();
            bytes.extend([9, 0, REFUSAL, 13, 0, 0, 0]);
            bytes.extend(br#"{"why":"not"}"#);
            old.write_all(&bytes).await.unwrap();
        };
        let wanted = request();
        let (refused, ()) = tokio::join!(ask(&mut new, &wanted), refusing);
        assert!(matches!(refused, Err(GreetingError::Refused(why)) if why == "not"));
    }

    #[tokio::test]
    async fn another_version_is_named_and_noise_is_no_greeting() {
        let (mut new, mut old) = UnixStream::pair().unwrap();
        new.write_all(b"VSTB\x02\0\0\x02\0\0\0{}").await.unwrap();
        let heard = hear(&mut old).await;
        assert!(matches!(heard, Err(GreetingError::Version(2))), "{heard:?}");
        let (mut new, mut old) = UnixStream::pair().unwrap();
        new.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let heard = hear(&mut old).await;
        assert!(matches!(heard, Err(GreetingError::Io(_))), "{heard:?}");
    }
}
