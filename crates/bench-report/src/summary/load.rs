//! The requested load as text: where, what and when.

use crate::{
    format::{Count, plural},
    results::{Arguments, Arrivals, Results},
    statistics::Spread,
};

/// Where messages were sent, and what they looked like.
pub(super) fn target(results: &Results) -> String {
    let arguments = &results.arguments;
    let mut target = format!(
        "{}, {}, {} bytes",
        results.target.address, arguments.wire, arguments.size
    );
    for (name, is_on) in [
        (", tls", arguments.tls),
        (", checksum", arguments.checksum),
        (", compress", arguments.compress),
        (", not verified", !arguments.verify),
    ] {
        if is_on {
            target.push_str(name);
        }
    }
    target
}

/// When messages were sent.
pub(super) fn pace(arguments: &Arguments) -> String {
    let pipeline = arguments.pipeline;
    let connections = plural(arguments.connections, "connection");
    let each = match arguments.connections {
        1 => "",
        _ => "each of ",
    };
    let arrivals = match arguments.arrivals {
        Arrivals::Uniform => "",
        Arrivals::Poisson => " (Poisson)",
    };
    match arguments.rate {
        None => format!("closed loop, {pipeline} in flight on {each}{connections}"),
        Some(rate) => format!(
            "open loop, target rate {:#}/s{arrivals} over {connections}, up to {pipeline} in \
             flight on each",
            Count(rate)
        ),
    }
}

/// Which share of the load this is, or how many were merged; `None` of one rank.
pub(super) fn ranks(results: &Results) -> Option<String> {
    let (ranks, lines) = (results.arguments.ranks, &results.ranks);
    if ranks <= 1 {
        return None;
    }
    if let [line] = lines.as_slice() {
        let rank = line.rank;
        return Some(format!(
            "rank {rank} of {ranks}, with a share of the load above"
        ));
    }
    let throughput: Vec<f64> = lines.iter().map(|line| line.throughput).collect();
    let each = Spread::of(&throughput).map_or(String::new(), |each| {
        let (min, max) = (Count(each.min), Count(each.max));
        format!(", {min} – {max} messages/s each")
    });
    Some(format!("{} of {ranks}{each}", lines.len()))
}
