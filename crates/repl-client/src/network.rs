//! The server's side of a session: writes at once and reads continuously, so that
//! the loss of the server shows while nothing is typed.

use std::{sync::Arc, thread, time::Duration};

use anyhow::{Context, Result, anyhow};
use proto::{Batch, Reader, Received, Writer};
use transport::Stream;

use crate::{
    args::SessionPlan,
    queue::{Event, EventQueue},
};

/// The connection; dropping it ends the sending direction.
pub(crate) struct Network {
    stream: Arc<Stream>,
    host: String,
    timeout: Duration,
}

/// Starts a thread that reads messages into `queue`, and at last why there are no more.
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
                    // The read returns the same error.
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

/// Queues the messages of a read, with all of their bytes if those are shown; `false`
/// once the queue is closed.
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
    /// Sends the collected messages in one write.
    pub(crate) fn send(&self, writer: &mut Writer) -> Result<()> {
        let Self {
            stream,
            host,
            timeout,
        } = self;
        writer.write_to(&mut &**stream).map_err(|error| {
            if transport::is_timeout(&error) {
                anyhow!("cannot send: {host} accepted no byte within {timeout:?}")
            } else {
                anyhow::Error::new(error).context(format!("cannot send: lost {host}"))
            }
        })
    }
}

impl Drop for Network {
    /// The thread that reads still owns the stream.
    fn drop(&mut self) {
        self.stream.linger(0, Duration::ZERO);
    }
}
