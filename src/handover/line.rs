//! A connection between two processes: frames in order, each with a kind, a number and a content.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// The longest content; far above any session that the limits allow.
const LONGEST: u32 = 64 << 20;
/// How long the other process may take none of what is written, before it counts as gone.
const STUCK: Duration = Duration::from_secs(10);

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A question to the store.
    Asked,
    /// Its answer, of the same number.
    Answered,
    /// Activity that is to be noted.
    Touched,
    /// Something was changed: what is near is old.
    Changed,
    /// That was heard; of the same number.
    Heard,
    /// The new process accepts connections.
    Ready,
    /// The old one stops doing so.
    Leaving,
    /// The old one has waited long enough, and stays.
    GivenUp,
    /// Some of a store that lies in memory.
    Piece,
    /// The store answers no more, and is being closed.
    Closing,
    /// The store is closed: it is whose opens it.
    Released,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Asked,
        Self::Answered,
        Self::Touched,
        Self::Changed,
        Self::Heard,
        Self::Ready,
        Self::Leaving,
        Self::GivenUp,
        Self::Piece,
        Self::Closing,
        Self::Released,
    ];

    const fn code(self) -> u8 {
        self as u8
    }

    fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is about.
    pub kind: Kind,
    /// By which an answer is known.
    pub number: u64,
    /// What it says.
    pub content: Vec<u8>,
}

enum Outgoing {
    Frame(Frame),
    Flushed(oneshot::Sender<()>),
}

/// The sending end. Never waits.
#[derive(Clone, Debug)]
pub struct Line(UnboundedSender<Outgoing>);

/// The receiving end.
#[derive(Debug)]
pub struct Frames {
    stream: BufReader<OwnedReadHalf>,
    /// Gone when nothing can be written any more.
    writing: watch::Receiver<()>,
}

impl Line {
    /// Begins to speak over a connection. Called within a runtime.
    pub fn open(stream: UnixStream) -> (Self, Frames) {
        let (read, write) = stream.into_split();
        let (sender, outgoing) = unbounded_channel();
        let (held, writing) = watch::channel(());
        tokio::spawn(async move {
            if let Err(error) = write_all(write, outgoing).await {
                tracing::debug!(%error, "Nothing more can be told to the other process.");
            }
            drop(held);
        });
        let frames = Frames {
            stream: BufReader::new(read),
            writing,
        };
        (Self(sender), frames)
    }

    /// Sends a frame; `false` where the other process is known to be gone.
    pub fn send(&self, kind: Kind, number: u64, content: Vec<u8>) -> bool {
        let frame = Frame {
            kind,
            number,
            content,
        };
        self.0.send(Outgoing::Frame(frame)).is_ok()
    }

    /// Waits until everything that was sent is written; `false` where that cannot be.
    pub async fn flush(&self) -> bool {
        let (done, flushed) = oneshot::channel();
        self.0.send(Outgoing::Flushed(done)).is_ok() && flushed.await.is_ok()
    }
}

async fn write_all(
    stream: OwnedWriteHalf,
    mut outgoing: UnboundedReceiver<Outgoing>,
) -> io::Result<()> {
    let mut stream = BufWriter::new(stream);
    while let Some(next) = outgoing.recv().await {
        let mut told = Vec::new();
        let mut next = Some(next);
        while let Some(one) = next {
            match one {
                Outgoing::Frame(frame) => in_time(write(&mut stream, &frame)).await?,
                Outgoing::Flushed(done) => told.push(done),
            }
            next = outgoing.try_recv().ok();
        }
        in_time(stream.flush()).await?;
        for done in told {
            if done.send(()).is_err() {
                tracing::debug!("Nobody waits any more for what was written.");
            }
        }
    }
    Ok(())
}

async fn write(stream: &mut BufWriter<OwnedWriteHalf>, frame: &Frame) -> io::Result<()> {
    let length = u32::try_from(frame.content.len()).unwrap_or(u32::MAX);
    if length > LONGEST {
        return Err(io::Error::other("a frame is too long"));
    }
    stream.write_u8(frame.kind.code()).await?;
    stream.write_u64_le(frame.number).await?;
    stream.write_u32_le(length).await?;
    stream.write_all(&frame.content).await
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let done = timeout(STUCK, work).await;
    done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Frames {
    /// The next frame; none where the other process is gone, or says what is no frame. Not to be
    /// given up half way.
    pub async fn next(&mut self) -> Option<Frame> {
        let Self { stream, writing } = self;
        tokio::select! {
            biased;
            read = read(stream) => match read {
                Ok(frame) => Some(frame),
                Err(error) => {
                    tracing::debug!(%error, "Nothing more is heard of the other process.");
                    None
                }
            },
            // Who cannot be answered need not be listened to.
            _ = writing.changed() => None,
        }
    }
}

async fn read(stream: &mut BufReader<OwnedReadHalf>) -> io::Result<Frame> {
    let kind = Kind::of_code(stream.read_u8().await?);
    let kind = kind.ok_or_else(|| io::Error::other("no such kind of frame"))?;
    let number = stream.read_u64_le().await?;
    let length = stream.read_u32_le().await?;
    if length > LONGEST {
        return Err(io::Error::other("a frame is too long"));
    }
    let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
    stream.read_exact(&mut content).await?;
    Ok(Frame {
        kind,
        number,
        content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(number: u64) -> Vec<u8> {
        vec![7; usize::try_from(number).unwrap() * 1000]
    }

    #[tokio::test]
    async fn frames_arrive_whole_and_in_order() {
        let (one, other) = UnixStream::pair().unwrap();
        let (line, _held) = Line::open(one);
        let (_other_line, mut frames) = Line::open(other);
        for (number, kind) in (1..).zip(Kind::ALL) {
            assert!(line.send(kind, number, content(number)));
        }
        for (number, kind) in (1..).zip(Kind::ALL) {
            let frame = frames.next().await.unwrap();
            assert_eq!((frame.kind, frame.number), (kind, number));
            assert_eq!(frame.content, content(number));
        }
        assert!(line.flush().await);
    }

    #[tokio::test]
    async fn who_is_gone_or_talks_nonsense_is_heard_no_more() {
        let (one, other) = UnixStream::pair().unwrap();
        let (_line, mut frames) = Line::open(one);
        drop(other);
        assert_eq!(frames.next().await, None);
        let (one, mut other) = UnixStream::pair().unwrap();
        let (_line, mut frames) = Line::open(one);
        other.write_all(&[0xff; 13]).await.unwrap();
        assert_eq!(frames.next().await, None);
    }
}
