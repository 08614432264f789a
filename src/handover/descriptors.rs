//! Open sockets, passed from one process to another over a socket of this machine (`SCM_RIGHTS`).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The most of one message; the system allows 253.
const AT_ONCE: usize = 32;

/// Sends descriptors. The other end gets descriptors of its own; these stay open here.
pub async fn send(stream: &UnixStream, descriptors: &[OwnedFd]) -> io::Result<()> {
    for some in descriptors.chunks(AT_ONCE) {
        stream
            .async_io(Interest::WRITABLE, || send_some(stream, some))
            .await?;
    }
    Ok(())
}

fn send_some(stream: &UnixStream, descriptors: &[OwnedFd]) -> io::Result<()> {
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    if !message.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::other("too many sockets for one message"));
    }
    // Descriptors travel with at least one byte.
    sendmsg(
        stream,
        &[IoSlice::new(b"s")],
        &mut message,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives so many descriptors. None of them is inherited by a program that is started.
pub async fn receive(stream: &UnixStream, count: usize) -> io::Result<Vec<OwnedFd>> {
    let mut received = Vec::new();
    while received.len() < count {
        let some = stream
            .async_io(Interest::READABLE, || receive_some(stream))
            .await?;
        if some.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received.extend(some);
    }
    Ok(received)
}

fn receive_some(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut byte)],
        &mut message,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut received = Vec::new();
    for part in message.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = part {
            received.extend(descriptors);
        }
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn sockets_arrive_in_order_and_work() {
        let listeners: Vec<_> = (0..40)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let addresses: Vec<_> = listeners
            .iter()
            .map(|one| one.local_addr().unwrap())
            .collect();
        let descriptors: Vec<OwnedFd> = listeners.into_iter().map(OwnedFd::from).collect();
        let (one, other) = UnixStream::pair().unwrap();
        send(&one, &descriptors).await.unwrap();
        drop(descriptors);
        let received = receive(&other, addresses.len()).await.unwrap();
        for (address, descriptor) in addresses.into_iter().zip(received) {
            let listener = TcpListener::from(descriptor);
            assert_eq!(listener.local_addr().unwrap(), address);
            let _asking = TcpStream::connect(address).unwrap();
            listener.accept().unwrap();
        }
    }

    #[tokio::test]
    async fn sockets_that_never_come_are_missed() {
        let (one, other) = UnixStream::pair().unwrap();
        drop(one);
        let missed = receive(&other, 1).await.unwrap_err();
        assert_eq!(missed.kind(), io::ErrorKind::UnexpectedEof);
    }
}
