//! Whether a server finds the messages in a stream.

use super::{fault::Outcome, server::CheckedServer};

pub(super) fn echo(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("all 256 byte values in four messages");
    // Not in one, nor at once: long ones and many have rules of their own.
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    bytes.chunks(64).try_for_each(|part| {
        let peer = server.exchange(&[&server.message(part)])?;
        peer.expect_no_more()
    })
}

pub(super) fn split(server: &CheckedServer, sent: &mut String) -> Outcome {
    let stream = short_stream(server);
    let what = format!("three messages, {} bytes, cut at", stream.len());
    for cut in 1..stream.len() {
        *sent = format!("{what} {cut}");
        let (first, second) = stream.split_at(cut);
        server.exchange(&[first, second])?;
    }
    *sent = format!("{what} each offset");
    Ok(())
}

pub(super) fn drip(server: &CheckedServer, sent: &mut String) -> Outcome {
    let stream = short_stream(server);
    *sent = format!("three messages, {} bytes, each in a segment", stream.len());
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    server.exchange(&bytes).map(drop)
}

fn short_stream(server: &CheckedServer) -> Vec<u8> {
    let payloads: [&[u8]; 3] = [b"a", b"bc", b"Hello World!"];
    payloads.map(|payload| server.message(payload)).concat()
}

pub(super) fn sticky(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("90 messages in one segment");
    server.exchange(&[&server.numbered(90)]).map(drop)
}

pub(super) fn across(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("a message of 92 bytes in 8 segments");
    let message = server.message(&text(92));
    let segments: Vec<&[u8]> = message.chunks(12).collect();
    server.exchange(&segments).map(drop)
}

pub(super) fn empty(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("33 empty messages, and two that are not");
    let [empty, a, b] = [&b""[..], b"a", b"b"].map(|payload| server.message(payload));
    let stream = [&empty[..], &a, &empty.repeat(32), &b].concat();
    server.exchange(&[&stream]).map(drop)
}

pub(super) fn sizes(server: &CheckedServer, sent: &mut String) -> Outcome {
    let sizes = sizes_up_to(server.max_frame);
    for &size in &sizes {
        *sent = format!("a payload of {size} B");
        server.exchange(&[&server.message(&text(size))])?;
    }
    let (count, most) = (sizes.len(), server.max_frame);
    *sent = format!("{count} sizes around powers of two, up to {most} bytes");
    Ok(())
}

/// Sizes that just fill a buffer or just do not, with a header of four bytes
/// and without.
fn sizes_up_to(most: usize) -> Vec<usize> {
    let powers = (7..28).map(|bits| 1 << bits);
    let around = powers.flat_map(|power| [5, 4, 3, 1, 0, -1].map(|less| power - less));
    let sizes = around.filter_map(|size: i32| usize::try_from(size).ok());
    let sizes = [1].into_iter().chain(sizes).filter(|&size| size < most);
    sizes.chain([most]).collect()
}

pub(super) fn two_writes(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("header and payload in two writes, three times");
    let message = server.message(&text(100));
    let (header, payload) = message.split_at(message.len() - 100);
    server.exchange(&[header, payload].repeat(3)).map(drop)
}

/// Text of a length; 23 letters in turn, so that no power of two is a multiple.
pub(super) fn text(len: usize) -> Vec<u8> {
    (b'a'..b'x').cycle().take(len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_around_powers_of_two_and_at_most_the_limit() {
        assert_eq!(sizes_up_to(1), [1]);
        assert_eq!(sizes_up_to(128), [1, 123, 124, 125, 127, 128]);
        let sizes = sizes_up_to(65_537);
        for size in [1023, 1024, 4096, 65_531, 65_532, 65_535, 65_536, 65_537] {
            assert!(sizes.contains(&size), "{size}");
        }
        assert!(sizes.is_sorted() && sizes.last() == Some(&65_537));
    }
}
