//! Whether a server finds the messages in a stream.

use std::time::Duration;

use super::{
    finding::{Finding, finding},
    target::{CheckedServer, PAUSE},
};

pub(super) fn echo(target: &CheckedServer) -> Finding {
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let outcome = target.exchange(&[&target.message(&bytes)], Duration::ZERO);
    finding("a message of all 256 byte values", outcome)
}

pub(super) fn split(target: &CheckedServer) -> Finding {
    let stream = short_stream(target);
    let len = stream.len();
    for cut in 1..len {
        let (first, second) = stream.split_at(cut);
        let outcome = target.exchange(&[first, second], PAUSE);
        finding(
            format!("three messages, {len} bytes, cut at {cut}"),
            outcome,
        )?;
    }
    Ok(format!("three messages, {len} bytes, cut at each offset"))
}

pub(super) fn drip(target: &CheckedServer) -> Finding {
    let stream = short_stream(target);
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    let sent = format!("three messages, {} bytes, each in a segment", bytes.len());
    finding(sent, target.exchange(&bytes, PAUSE))
}

fn short_stream(target: &CheckedServer) -> Vec<u8> {
    let payloads: [&[u8]; 3] = [b"a", b"bc", b"Hello World!"];
    payloads.map(|payload| target.message(payload)).concat()
}

pub(super) fn sticky(target: &CheckedServer) -> Finding {
    let outcome = target.exchange(&[&target.numbered(90)], Duration::ZERO);
    finding("90 messages in one segment", outcome)
}

pub(super) fn across(target: &CheckedServer) -> Finding {
    let message = target.message(&text(3000));
    let segments: Vec<&[u8]> = message.chunks(400).collect();
    let outcome = target.exchange(&segments, PAUSE);
    finding("a message of 3000 bytes in 8 segments", outcome)
}

pub(super) fn empty(target: &CheckedServer) -> Finding {
    let [empty, a, b] = [&b""[..], b"a", b"b"].map(|payload| target.message(payload));
    let stream = [&empty[..], &a, &empty.repeat(32), &b].concat();
    let outcome = target.exchange(&[&stream], Duration::ZERO);
    finding("33 empty messages, and two that are not", outcome)
}

pub(super) fn sizes(target: &CheckedServer) -> Finding {
    let sizes = sizes_up_to(target.max_frame);
    for &size in &sizes {
        let outcome = target.exchange(&[&target.message(&text(size))], Duration::ZERO);
        finding(format!("a payload of {size} B"), outcome)?;
    }
    let (count, most) = (sizes.len(), target.max_frame);
    Ok(format!(
        "{count} sizes around powers of two, up to {most} bytes"
    ))
}

/// Sizes that just fill a buffer or just do not, with a header of four bytes
/// and without.
fn sizes_up_to(most: usize) -> Vec<usize> {
    let powers = (7..28).map(|bits| 1 << bits);
    let around = powers.flat_map(|power| {
        [5, 4, 3, 1, 0]
            .map(|less| power - less)
            .into_iter()
            .chain([power + 1])
    });
    let sizes = [1].into_iter().chain(around).filter(|&size| size < most);
    sizes.chain([most]).collect()
}

pub(super) fn two_writes(target: &CheckedServer) -> Finding {
    let message = target.message(&text(100));
    let (header, payload) = message.split_at(message.len() - 100);
    let outcome = target.exchange(&[header, payload].repeat(3), PAUSE);
    finding("header and payload in two writes, three times", outcome)
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
