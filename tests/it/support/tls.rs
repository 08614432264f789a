//! A door with TLS before something that has none, with certificates that the test makes and changes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority of the test's own: `ca.pem` in its folder.
#[derive(Debug)]
pub(crate) struct Authority<'a>(&'a Path);

impl<'a> Authority<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        let authority = Self(folder);
        authority.openssl(&format!(
            "req -x509 {KEY} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"
        ));
        authority
    }

    /// The authority that was made in a folder.
    pub(crate) const fn again(folder: &'a Path) -> Self {
        Self(folder)
    }

    /// A certificate for a name that ended years ago.
    pub(crate) fn vouched_for(&self, name: &str) {
        self.is_asked_for(name);
        let settings = "[ca]\ndefault_ca=own\n[own]\ndatabase=issued\nserial=serial\nnew_certs_dir=.\n\
            default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n";
        for (file, content) in [("own.cnf", settings), ("issued", ""), ("serial", "01\n")] {
            std::fs::write(self.0.join(file), content).unwrap();
        }
        self.openssl(&format!(
            "ca -batch -config own.cnf -cert ca.pem -keyfile ca.key -in {name}.csr -out {name}.pem \
             -startdate 20200101000000Z -enddate 20200102000000Z -notext -extfile extensions"
        ));
    }

    fn is_asked_for(&self, name: &str) {
        let extensions = format!("subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n");
        std::fs::write(self.0.join("extensions"), extensions).unwrap();
        self.openssl(&format!(
            "req {KEY} -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ));
    }

    /// A certificate for a name.
    pub(crate) fn vouches_for(&self, name: &str) -> Arc<ServerConfig> {
        self.is_asked_for(name);
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out {name}.pem"
        ));
        let file = |end: &str| self.0.join(format!("{name}.{end}"));
        let certificate = CertificateDer::from_pem_file(file("pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0)
            .output()
            .expect("openssl is there");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// The door.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) port: u16,
    shown: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Door {
    /// A door that shows this certificate.
    pub(crate) async fn before(behind: SocketAddr, certificate: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shown = Arc::new(Mutex::new(certificate));
        let door = Self {
            port,
            shown: Arc::clone(&shown),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = TlsAcceptor::from(Arc::clone(&*shown.lock()));
                tokio::spawn(async move {
                    // Whoever does not like the certificate goes away.
                    let Ok(mut secured) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut secured, &mut plain).await);
                });
            }
        });
        door
    }

    /// From now on it shows another certificate.
    pub(crate) fn shows(&self, certificate: Arc<ServerConfig>) {
        *self.shown.lock() = certificate;
    }
}
