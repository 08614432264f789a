//! What passes through untouched: bodies, methods, upgrades, other headers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::Shop;

#[tokio::test]
async fn bodies_of_known_and_unknown_length_arrive_whole() {
    let shop = Shop::start().await;
    let body = "x".repeat(300_000);
    let wire = format!(
        "PUT /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let reply = shop.raw(wire.as_bytes()).await;
    assert_eq!(reply.body.len(), body.len());
    assert_eq!(shop.origin.last().body.len(), body.len());
    let chunked = "POST /up HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\
                   Connection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Session-Id: evil\r\n\r\n";
    shop.raw(chunked.as_bytes()).await;
    let seen = shop.origin.last();
    assert_eq!(seen.body, b"hello world");
    assert_ne!(
        seen.header("x-session-id"),
        Some("evil"),
        "trailers never become headers"
    );
    assert_eq!(seen.method, "POST");
}

#[tokio::test]
async fn a_websocket_is_opened_with_the_session_and_then_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        socket.write_all(answer).await.unwrap();
        let mut frame = [0; 7];
        socket.read_exact(&mut frame).await.unwrap();
        socket.write_all(&frame).await.unwrap();
        socket.shutdown().await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let shop = Shop::with(&format!(
        "[[account.upstream]]\nname = \"socket\"\naddresses = [\"{address}\"]\n\
         [[account.route]]\npath = \"/ws\"\nupstream = \"socket\"\n"
    ))
    .await;
    let wire = "GET /ws HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Version: 13\r\n\r\n\x01\x02frame";
    let reply = shop.raw(wire.as_bytes()).await;
    assert_eq!(reply.status, 101);
    assert!(reply.sets_session(), "emitted on the handshake");
    assert_eq!(reply.body.as_bytes(), b"\x01\x02frame");
    let head = echo.await.unwrap().to_lowercase();
    assert!(head.contains("x-session-channel: 1") && head.contains("upgrade: websocket"));
}
