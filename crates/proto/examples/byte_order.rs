//! Byte order: this host's, the network's, and what happens when one is read as
//! the other.
//!
//! `cargo run -p proto --example byte_order`
#![allow(clippy::print_stdout)]

fn main() -> Result<(), proto::FrameError> {
    let value: u16 = 0x1234;
    let host = if value.to_ne_bytes() == value.to_le_bytes() {
        "little endian"
    } else {
        "big endian"
    };
    let big = value.to_be_bytes();
    let little = value.to_le_bytes();

    println!("this host is {host}");
    println!("the network is big endian");
    println!();
    println!("{value:#06x} stored big endian:    {}", hex(&big));
    println!("{value:#06x} stored little endian: {}", hex(&little));
    println!();
    println!("big read as big:       {:#06x}", u16::from_be_bytes(big));
    println!("little read as little: {:#06x}", u16::from_le_bytes(little));
    println!(
        "little read as big:    {:#06x}  wrong",
        u16::from_be_bytes(little)
    );
    println!(
        "big read as little:    {:#06x}  wrong",
        u16::from_le_bytes(big)
    );
    println!();

    // The same for a frame: 12 bytes of payload, a header of four.
    let header = proto::Header {
        len: 12,
        checksum: false,
        compressed: false,
    };
    let header = header.encode()?;
    println!("a frame's header for 12 bytes: {}", hex(&header));
    println!(
        "read in the wrong order it announces {} bytes",
        u32::from_le_bytes(header)
    );
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|b| format!("{b:#04x}")).collect();
    format!("[{}]", bytes.join(", "))
}
