//! HTTP/2 frames by hand: what a client library would not send.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::Street;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame as it goes over the wire.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Why a stream or the connection ends.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn settings(&self) -> Vec<(u16, u32)> {
        let settings = self.payload.chunks_exact(6);
        let read = |one: &[u8]| {
            let (name, value) = one.split_at(2);
            let name = u16::from_be_bytes(name.try_into().unwrap());
            (name, u32::from_be_bytes(value.try_into().unwrap()))
        };
        settings.map(read).collect()
    }
}

/// A connection on which frames are sent.
#[derive(Debug)]
pub(crate) struct Wire(DuplexStream);

impl Wire {
    /// A connection that has begun.
    pub(crate) async fn open(street: &Street) -> Self {
        let mut wire = Self(street.connect());
        let start = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        assert!(wire.send(&start).await);
        wire
    }

    /// Whether the other end takes it.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// The next frame; `None` where the connection is closed.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length.try_into().unwrap()];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes(head[5..].try_into().unwrap()),
            payload,
        })
    }

    /// The head of the answer on a stream, or what ends it; `None` where the connection is closed.
    pub(crate) async fn answer_to(&mut self, stream: u32) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            let of_stream = frame.stream == stream && matches!(frame.kind, HEADERS | RST_STREAM);
            if of_stream || frame.kind == GOAWAY {
                return Some(frame);
            }
        }
    }

    /// All frames until the connection is closed.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }
}
