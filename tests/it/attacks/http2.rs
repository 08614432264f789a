//! Attacks in frames of HTTP/2, written by hand: a client library would not send them.

use super::{Case, Street, same};
use crate::support;
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, Wire, frame,
};
use crate::support::street::plain;

/// What a frame may hold until the peers agree otherwise.
const FRAME: usize = 16_384;

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
    let mut wire = Vec::new();
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
async fn status(wire: &mut Wire) -> u16 {
    let mut status = 0;
    while let Some(frame) = wire.frame().await {
        match (frame.kind, frame.stream) {
            (HEADERS, 1) => status = read_status(&frame.payload),
            (RST_STREAM, 1) | (GOAWAY, 0) => return status,
            _ => {}
        }
        let of_answer = frame.stream == 1 && matches!(frame.kind, HEADERS | DATA);
        if of_answer && frame.flags & END_STREAM != 0 {
            return status;
        }
    }
    status
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
        let mut wire = Wire::open(&street).await;
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
        wire.send(&frames).await;
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
