//! An echo server with independent framing and TLS.

use std::{net::SocketAddr, path::Path, sync::Arc};

use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tokio_util::{
    bytes::BytesMut,
    codec::{FramedRead, FramedWrite, LengthDelimitedCodec},
};

/// Echoes frames through tokio-util's codec, as its users write it: on a free
/// loopback port, which is passed to `listening`, until the process ends.
pub fn serve(listening: impl FnOnce(SocketAddr)) {
    serve_each(listening, |stream| async {
        let (read, write) = stream.into_split();
        forward(read, write).await;
    });
}

/// The same over TLS, by tokio-rustls.
pub fn serve_tls(certificate: &Path, key: &Path, listening: impl FnOnce(SocketAddr)) {
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve_each(listening, move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let (read, write) = tokio::io::split(stream);
                forward(read, write).await;
            }
        }
    });
}

fn serve_each<F>(listening: impl FnOnce(SocketAddr), serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listening(listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a TCP socket");
            tokio::spawn(serve(stream));
        }
    });
}

async fn forward(read: impl AsyncRead + Unpin, write: impl AsyncWrite + Unpin) {
    let frames = FramedRead::new(read, LengthDelimitedCodec::new());
    let sink = FramedWrite::new(write, LengthDelimitedCodec::new());
    let frames = frames.map(|frame| frame.map(BytesMut::freeze));
    // A client that disappears does not affect the others.
    let _ = frames.forward(sink).await;
}
