//! TLS in front of an endpoint, whose handshakes can be cut off.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A running front; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Front {
    address: SocketAddr,
    certificate: PathBuf,
    resets: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Stands before this address; the certificate to be trusted lies in this directory.
    pub(super) fn start(before: SocketAddr, directory: &Path) -> Self {
        let own = rcgen::generate_simple_self_signed([String::from("localhost")]).expect("a certificate");
        let certificate = directory.join("front.pem");
        fs::write(&certificate, own.cert.pem()).expect("a file");
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that ring has")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("a certificate and its key");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("it is bound");
        let (resets, watched) = watch::channel(false);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(accept(listener, before, acceptor, watched));
        });
        Self { address, certificate, resets: Some(resets), thread: Some(thread) }
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The value for `SSL_CERT_FILE`.
    pub(super) fn certificate(&self) -> String {
        self.certificate.display().to_string()
    }

    /// Whether every connection is reset from now on, in its handshake or later.
    pub(super) fn reset(&self, resets: bool) {
        if let Some(watched) = &self.resets {
            watched.send_replace(resets);
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.resets = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    before: SocketAddr,
    acceptor: TlsAcceptor,
    mut resets: watch::Receiver<bool>,
) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(converse(stream, before, acceptor.clone(), resets.clone()));
                }
            }
            // An error: the handle is gone.
            changed = resets.changed() => if changed.is_err() { return },
        }
    }
}

async fn converse(
    mut stream: TcpStream,
    before: SocketAddr,
    acceptor: TlsAcceptor,
    mut resets: watch::Receiver<bool>,
) {
    let linger = |stream: &TcpStream| SockRef::from(stream).set_linger(Some(Duration::ZERO));
    if *resets.borrow_and_update() {
        // The client's greeting has arrived: it is in its handshake.
        let _ = stream.read(&mut [0; 64]).await;
        let _ = linger(&stream);
        return;
    }
    let Ok(mut inside) = acceptor.accept(stream).await else { return };
    let Ok(mut behind) = TcpStream::connect(before).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut inside, &mut behind) => {}
        _ = resets.changed() => {
            let _ = linger(inside.get_ref().0);
        }
    }
}
