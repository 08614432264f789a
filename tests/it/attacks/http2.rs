//! Attacks in frames of HTTP/2, written by hand: a client library would not send them.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{Case, Street, same};
use crate::support;
use crate::support::street::plain;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// What a frame may hold until the peers agree otherwise.
const FRAME: usize = 16_384;

/// A frame as it goes over the wire.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Fields as a block in which nothing is shortened (RFC 7541 §6.2.2).
fn block(fields: &[(String, String)], bytes: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [bytes(name), bytes(value)] {
            number(&mut block, text.len());
            block.extend(text);
        }
    }
    block
}

/// A length with a prefix of seven bits (RFC 7541 §5.1).
fn number(block: &mut Vec<u8>, number: usize) {
    let Some(mut left) = number.checked_sub(127) else {
        return block.push(u8::try_from(number).unwrap());
    };
    block.push(127);
    while left >= 128 {
        block.push(u8::try_from(left % 128).unwrap() | 128);
        left /= 128;
    }
    block.push(u8::try_from(left).unwrap());
}

/// The frames of one request.
fn request(block: &[u8], data: Option<&str>) -> Vec<u8> {
    let mut wire = PREFACE.to_vec();
    wire.extend(frame(SETTINGS, 0, 0, &[]));
    let pieces: Vec<&[u8]> = block.chunks(FRAME).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let mut flags = if at + 1 == pieces.len() {
            END_HEADERS
        } else {
            0
        };
        if at == 0 && data.is_none() {
            flags |= END_STREAM;
        }
        wire.extend(frame(
            if at == 0 { HEADERS } else { CONTINUATION },
            flags,
            1,
            piece,
        ));
    }
    if let Some(data) = data {
        wire.extend(frame(DATA, END_STREAM, 1, data.as_bytes()));
    }
    wire
}

/// The status of the answer on stream 1; 0 where the stream or the connection is given up.
async fn status(wire: &mut DuplexStream) -> u16 {
    let mut status = 0;
    loop {
        let mut head = [0; 9];
        if wire.read_exact(&mut head).await.is_err() {
            return status;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        wire.read_exact(&mut payload).await.unwrap();
        let (kind, flags, stream) = (head[3], head[4], head[8]);
        match (kind, stream) {
            (HEADERS, 1) => status = read_status(&payload),
            (RST_STREAM, 1) | (GOAWAY, 0) => return status,
            _ => {}
        }
        if stream == 1 && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            return status;
        }
    }
}

/// The status at the head of a block: whole from the fixed table, or its name from there and the
/// three digits, shortened or not (RFC 7541 appendices A and B).
fn read_status(block: &[u8]) -> u16 {
    match block {
        [first @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(first - 0x88)],
        [0x48 | 0x08, 3, digits @ ..] => {
            std::str::from_utf8(&digits[..3]).unwrap().parse().unwrap()
        }
        // `421` and `431`: the digits 4, 2 or 3, and 1 take six, five or six, and five bits.
        [0x48 | 0x08, 0x82, 0x68, 0x4f, ..] => 421,
        [0x48 | 0x08, 0x83, 0x69, 0x90 | 0x91 | 0x9f, ..] => 431,
        _ => panic!("a head of another kind: {block:x?}"),
    }
}

impl Street {
    /// What is wrong with what became of a case in frames, if anything is.
    pub(super) async fn attack_in_frames(
        &self,
        case: &Case,
        fields: &[(String, String)],
    ) -> Result<(), String> {
        self.recorder.answers(super::OK);
        let mut listener = plain();
        listener.h2c = true;
        let street = support::Street::before(&self.shop, &listener);
        let mut wire = street.connect();
        let spelled: Vec<(String, String)> = fields
            .iter()
            .flat_map(|(name, value)| match name.split_once('*') {
                // `cookie*10000`: so many fields.
                Some((name, many)) => vec![(name.to_owned(), value.clone()); many.parse().unwrap()],
                None => vec![(name.clone(), value.clone())],
            })
            .collect();
        let block = block(&spelled, |text| self.bytes(text));
        let frames = request(&block, case.data.as_deref());
        // Whoever is refused in the middle does not read the rest.
        drop(wire.write_all(&frames).await);
        let status = status(&mut wire).await;
        if !case.expect.status.contains(&status) {
            return Err(format!("status {status}, not of {:?}", case.expect.status));
        }
        self.arrived(&case.expect)?;
        let next = self
            .shop
            .raw(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            .await;
        same("the next one's status", &next.status, &200)
    }
}
