//! Parsing of the head of an HTTP request.

use super::exposition::TextFormat;

/// Maximum size of a head, in bytes. A scraper sends a few hundred.
const MAX_HEAD: usize = 8 * 1024;

/// Maximum header lines. A scraper sends about ten.
const MAX_HEADERS: usize = 64;

/// Why a response has no metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest,
    NotFound,
    MethodNotAllowed,
    TooLarge,
}

impl Refusal {
    /// The status, additional header lines, and the body.
    pub(super) const fn response(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::BadRequest => ("400 Bad Request", "", "not an HTTP request\n"),
            Self::NotFound => ("404 Not Found", "", "see /metrics\n"),
            Self::MethodNotAllowed => (
                "405 Method Not Allowed",
                "Allow: GET, HEAD\r\n",
                "only GET and HEAD\n",
            ),
            Self::TooLarge => (
                "431 Request Header Fields Too Large",
                "",
                "request head larger than 8 KiB or 64 lines\n",
            ),
        }
    }
}

/// The requested format of the metrics; `None` while the head is incomplete. It may
/// be followed by more.
pub(super) fn parse(head: &[u8]) -> Result<Option<TextFormat>, Refusal> {
    let parsed = parse_part(head.get(..MAX_HEAD).unwrap_or(head))?;
    if parsed.is_none() && head.len() >= MAX_HEAD {
        return Err(Refusal::TooLarge);
    }
    Ok(parsed)
}

fn parse_part(head: &[u8]) -> Result<Option<TextFormat>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Err(_) => return Err(Refusal::BadRequest),
    }
    if path(request.path.unwrap_or_default()) != "/metrics" {
        return Err(Refusal::NotFound);
    }
    if !matches!(request.method, Some("GET" | "HEAD")) {
        return Err(Refusal::MethodNotAllowed);
    }
    let ranges: Vec<&str> = request
        .headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("accept"))
        .filter_map(|header| str::from_utf8(header.value).ok())
        .flat_map(|value| value.split(','))
        .collect();
    let best = |media_type| {
        let qualities = ranges.iter().filter_map(|range| quality(range, media_type));
        qualities.fold(0.0, f32::max)
    };
    let open = best("application/openmetrics-text");
    Ok(Some(if open > 0.0 && open >= best("text/plain") {
        TextFormat::OpenMetrics
    } else {
        TextFormat::Text
    }))
}

/// Whether the response has no body: for HEAD, also when the request is refused
/// (RFC 9110, section 9.3.2).
pub(super) fn is_head(head: &[u8]) -> bool {
    let mut rest = head;
    // Line ends before a request are ignored (RFC 9112, section 2.2).
    while let [b'\r' | b'\n', behind @ ..] = rest {
        rest = behind;
    }
    rest.starts_with(b"HEAD ")
}

/// The path of a target (RFC 9112, section 3.2), which may be an absolute URI,
/// without its query.
fn path(target: &str) -> &str {
    let is_scheme = |scheme: &str| scheme.eq_ignore_ascii_case("http");
    let path = match target.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            let authority = rest.find(['/', '?']).unwrap_or(rest.len());
            rest.get(authority..).unwrap_or_default()
        }
        _ => target,
    };
    path.split(['?', '#']).next().unwrap_or_default()
}

/// The quality of a media range (RFC 9110, section 12.5.1) if it is this type.
/// 0: not acceptable; one that is not a number counts as that.
fn quality(range: &str, media_type: &str) -> Option<f32> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(media_type) {
        return None;
    }
    let mut parameters = parts.filter_map(|parameter| parameter.split_once('='));
    let given = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    Some(given.map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_tools_and_by_hand_parse() {
        for head in [
            "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /metrics HTTP/1.0\n\n",
            "\r\nGET /metrics HTTP/1.1\r\n\r\n",
            "GET /metrics?name[]=a&b=c HTTP/1.1\r\n\r\n",
            "GET http://localhost:9000/metrics HTTP/1.1\r\n\r\n",
            "GET HTTP://[::1]/metrics?x HTTP/1.1\r\nAccept: */*\r\n\r\n",
        ] {
            assert_eq!(parse(head.as_bytes()), Ok(Some(TextFormat::Text)), "{head}");
            for cut in 0..head.len() {
                let part = head.get(..cut).unwrap_or_default();
                assert_eq!(parse(part.as_bytes()), Ok(None), "{part}");
            }
        }
    }

    #[test]
    fn a_head_request_is_detected_by_its_first_word() {
        let long = format!("HEAD /metrics HTTP/1.1\r\nX: {}", "y".repeat(MAX_HEAD));
        for head in [
            "HEAD /metrics HTTP/1.1\r\n\r\n",
            "\r\n\nHEAD / HTTP/1.1\r\n\r\n",
            "HEAD /metrics HTTP/9.9\r\n\r\n",
            &long,
        ] {
            assert!(is_head(head.as_bytes()), "{head}");
        }
        for head in ["GET /HEAD HTTP/1.1\r\n\r\n", "HEADS / HTTP/1.1\r\n\r\n", ""] {
            assert!(!is_head(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn each_refusal_has_its_status() {
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        for (head, refusal) in [
            ("\0\0\0\x02hi", Refusal::BadRequest),
            ("GET /metrics HTTP/2.0\r\n\r\n", Refusal::BadRequest),
            ("GET  /metrics HTTP/1.1\r\n\r\n", Refusal::BadRequest),
            ("GET / HTTP/1.1\r\n\r\n", Refusal::NotFound),
            ("HEAD /metricsx HTTP/1.1\r\n\r\n", Refusal::NotFound),
            ("GET http://localhost HTTP/1.1\r\n\r\n", Refusal::NotFound),
            ("POST /metrics HTTP/1.1\r\n\r\n", Refusal::MethodNotAllowed),
            (&many, Refusal::TooLarge),
        ] {
            assert_eq!(parse(head.as_bytes()), Err(refusal), "{head}");
        }
    }

    #[test]
    fn the_limit_of_a_head_is_exact() {
        let [start, end] = ["GET /metrics HTTP/1.1\r\nX: ", "\r\n\r\n"];
        for (size, expected) in [
            (MAX_HEAD, Ok(Some(TextFormat::Text))),
            (MAX_HEAD + 1, Err(Refusal::TooLarge)),
        ] {
            let field = "y".repeat(size - start.len() - end.len());
            for behind in ["", "GET", &field] {
                let head = format!("{start}{field}{end}{behind}");
                assert_eq!(parse(head.as_bytes()), expected, "{size} bytes");
            }
        }
    }

    #[test]
    fn open_metrics_only_if_accepted() {
        for (accept, format) in [
            ("*/*", TextFormat::Text),
            ("text/plain;version=0.0.4", TextFormat::Text),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3",
                TextFormat::OpenMetrics,
            ),
            (
                "text/plain, Application/OpenMetrics-Text",
                TextFormat::OpenMetrics,
            ),
            ("application/openmetrics-text; Q = 0.000", TextFormat::Text),
            ("application/openmetrics-text; q=x", TextFormat::Text),
            ("application/openmetrics-text; q=nan", TextFormat::Text),
            // As Prometheus asks if its own format comes first in `scrape_protocols`.
            (
                "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,*/*;q=0.3",
                TextFormat::Text,
            ),
        ] {
            let head = format!("GET /metrics HTTP/1.1\r\nACCEPT: {accept}\r\n\r\n");
            assert_eq!(parse(head.as_bytes()), Ok(Some(format)), "{accept}");
        }
    }
}
