//! OpenSSL as a peer.

use crate::{Process, ServerProcess, certificates::Authority, installed};

/// An echo server of bytes on OpenSSL, through Python. It sends two tickets on
/// each TLS 1.3 connection, and prints `closed well` and the version for each
/// end by a `close_notify`.
const SCRIPT: &str = "
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
version = getattr(ssl.TLSVersion, sys.argv[3])
context.minimum_version = context.maximum_version = version
listener = socket.create_server(('127.0.0.1', 0), backlog=100)
print('listening on 127.0.0.1:%d' % listener.getsockname()[1], flush=True)
def serve(plain):
    try:
        with context.wrap_socket(plain, server_side=True) as stream:
            while data := stream.recv(65536):
                stream.sendall(data)
            spoken = stream.version()
            stream.unwrap()  # theirs has come: no cut
            print('closed well', spoken, flush=True)
    except OSError:
        pass
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
";

/// Starts it with one protocol version: `TLSv1_2` or `TLSv1_3`. `None` if
/// Python is not installed.
#[track_caller]
pub fn serve(authority: &Authority, version: &str) -> Option<ServerProcess> {
    let mut python = installed("python3")?;
    let files = authority.issue();
    python.args(["-c", SCRIPT, &files.cert, &files.key, version]);
    Some(ServerProcess::announced_by(Process::start(&mut python)))
}
