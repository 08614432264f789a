//! Addresses for shoppers: TLS, HTTP/2, redirects and sockets.

mod http2;
mod program;
mod promises;
mod tls;
