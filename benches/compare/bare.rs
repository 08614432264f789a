//! Bare pingora as a server of its own: one thread, plain and with TLS, every request passed on.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use pingora::listeners::tls::TlsSettings;
use pingora::proxy::http_proxy_service;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};

use super::passing::Passing;

/// Unused connections to the origin that are kept, as for everybody in the comparison.
const KEPT: usize = 512;

#[derive(Debug, Args)]
pub(crate) struct Bare {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    listen_tls: SocketAddr,
    #[arg(long)]
    certificate: PathBuf,
    #[arg(long)]
    key: PathBuf,
    #[arg(long)]
    upstream: SocketAddr,
}

impl Bare {
    pub(crate) fn serve(&self) {
        let conf = ServerConf {
            threads: 1,
            upstream_keepalive_pool_size: KEPT,
            grace_period_seconds: Some(0),
            graceful_shutdown_timeout_seconds: Some(1),
            ..ServerConf::default()
        };
        let mut server = Server::new_with_opt_and_conf(None, conf);
        server.bootstrap();
        let mut service = http_proxy_service(&server.configuration, Passing(self.upstream));
        service.add_tcp(&self.listen.to_string());
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let mut tls = TlsSettings::intermediate(&certificate.to_string(), &key.to_string())
            .expect("the certificate and its key are files");
        tls.enable_h2();
        service.add_tls_with_settings(&self.listen_tls.to_string(), None, tls);
        server.add_service(service);
        server.run(RunArgs::default());
    }
}
