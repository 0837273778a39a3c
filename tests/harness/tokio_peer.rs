//! An echo server that nobody here wrote the framing of.

use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio_util::{
    bytes::BytesMut,
    codec::{FramedRead, FramedWrite, LengthDelimitedCodec},
};

/// Sends frames back through tokio-util's codec, as its users write it: on a
/// free loopback port that `listening` is told, until the process ends.
pub fn serve(listening: impl FnOnce(std::net::SocketAddr)) {
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
            tokio::spawn(async move {
                let (read, write) = stream.into_split();
                let frames = FramedRead::new(read, LengthDelimitedCodec::new());
                let sink = FramedWrite::new(write, LengthDelimitedCodec::new());
                let frames = frames.map(|frame| frame.map(BytesMut::freeze));
                // A client that vanishes is no concern of the others.
                let _ = frames.forward(sink).await;
            });
        }
    });
}
