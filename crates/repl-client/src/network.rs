//! The server's side of a session: writes at once, reads all the time, so
//! that a lost server is noticed while nothing is typed.

use std::{sync::Arc, thread, time::Duration};

use anyhow::{Context, Result, anyhow};
use proto::{Batch, Reader, Received, Writer};
use transport::Stream;

use crate::{
    args::SessionPlan,
    queue::{Event, EventQueue},
};

/// The connection; dropped, it says that no more will come.
pub(crate) struct Network {
    stream: Arc<Stream>,
    host: String,
    timeout: Duration,
}

/// Starts reading; what comes goes to `queue`, at last why nothing will.
pub(crate) fn start(
    plan: &SessionPlan,
    stream: Stream,
    queue: &Arc<EventQueue>,
) -> Result<Network> {
    stream.set_write_timeout(Some(plan.client.timeout))?;
    let stream = Arc::new(stream);
    let network = Network {
        stream: Arc::clone(&stream),
        host: plan.client.dialer.host.clone(),
        timeout: plan.client.timeout,
    };
    let mut reader = Reader::new(plan.client.wire).max_read(plan.client.read_buffer);
    let host = plan.client.dialer.host.clone();
    let queue = Arc::clone(queue);
    let (spin, shows_wire) = (plan.client.spin, plan.shows_wire);
    thread::Builder::new()
        .name("network".to_owned())
        .spawn(move || {
            let lost = loop {
                if !spin.is_zero() {
                    // What fails here fails in the read, too.
                    let _ = stream.spin(spin);
                }
                match reader.read(&mut &*stream) {
                    Ok(Received::Batch(batch)) if hand_over(&batch, &queue, shows_wire) => {}
                    Ok(Received::Batch(_)) => return,
                    Ok(Received::Closed) => break anyhow!("{host} closed the connection"),
                    Err(error) => {
                        break anyhow::Error::new(error).context(format!("lost {host}"));
                    }
                }
            };
            queue.push(Event::Lost(lost));
        })
        .context("cannot start a thread")?;
    Ok(network)
}

/// Puts what came into the queue, with all of its bytes if those are shown;
/// `false` when nothing more is wanted.
fn hand_over(batch: &Batch<'_>, queue: &EventQueue, shows_wire: bool) -> bool {
    if shows_wire {
        let mut messages = batch.chunks(1);
        return messages.all(|message| queue.push(Event::Payload(message.to_vec())));
    }
    let mut scratch = Vec::new();
    batch.frames().all(|frame| {
        queue.push(match frame.payload(&mut scratch) {
            Ok(payload) => Event::Payload(payload.to_vec()),
            Err(error) => Event::Lost(error.into()),
        })
    })
}

impl Network {
    /// Sends what was collected, in one write.
    pub(crate) fn send(&self, writer: &mut Writer) -> Result<()> {
        let Self {
            stream,
            host,
            timeout,
        } = self;
        writer.write_to(&mut &**stream).map_err(|error| {
            if transport::is_timeout(&error) {
                anyhow!("sending: {host} took nothing within {timeout:?}")
            } else {
                anyhow::Error::new(error).context(format!("sending: lost {host}"))
            }
        })
    }
}

impl Drop for Network {
    /// The stream itself is not dropped as long as the thread reads it.
    fn drop(&mut self) {
        self.stream.linger(0, Duration::ZERO);
    }
}
