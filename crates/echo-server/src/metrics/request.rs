//! The head of an HTTP request, and what it asks for.

use super::exposition::TextFormat;

/// Maximum size of a head, in bytes. A scraper's has a few hundred.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// Maximum lines of it. A scraper's has about ten.
const MAX_HEADERS: usize = 64;

/// A request for the metrics.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Whether only the head of the answer is wanted.
    pub(super) is_head: bool,
    pub(super) format: TextFormat,
}

/// Why there are no metrics in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest,
    NotFound { is_head: bool },
    MethodNotAllowed,
    TooLarge,
}

impl Refusal {
    /// The status, more lines of the head, and the body.
    pub(super) const fn response(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::BadRequest => ("400 Bad Request", "", "not an HTTP request\n"),
            Self::NotFound { .. } => ("404 Not Found", "", "see /metrics\n"),
            Self::MethodNotAllowed => (
                "405 Method Not Allowed",
                "Allow: GET, HEAD\r\n",
                "only GET and HEAD\n",
            ),
            Self::TooLarge => (
                "431 Request Header Fields Too Large",
                "",
                "the head of a request may have 8 KiB and 64 lines\n",
            ),
        }
    }
}

impl Request {
    /// `None` while the head is incomplete.
    pub(super) fn parse(head: &[u8]) -> Result<Option<Self>, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(head) {
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
            Err(_) => return Err(Refusal::BadRequest),
        }
        let is_head = request.method == Some("HEAD");
        if path(request.path.unwrap_or_default()) != "/metrics" {
            return Err(Refusal::NotFound { is_head });
        }
        if !is_head && request.method != Some("GET") {
            return Err(Refusal::MethodNotAllowed);
        }
        let accept = request
            .headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case("accept"))
            .filter_map(|header| str::from_utf8(header.value).ok());
        let format = if accept.flat_map(|value| value.split(',')).any(is_open) {
            TextFormat::OpenMetrics
        } else {
            TextFormat::Text
        };
        Ok(Some(Self { is_head, format }))
    }
}

/// The path of a target (RFC 9112, section 3.2), which may be a whole address,
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

/// Whether a media range (RFC 9110, section 12.5.1) is of `OpenMetrics`, and
/// acceptable.
fn is_open(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let is_type = |name: &str| name.eq_ignore_ascii_case("application/openmetrics-text");
    let is_refused = |parameter: &str| {
        let quality = parameter.split_once('=').filter(|(name, _)| {
            let name = name.trim();
            name.eq_ignore_ascii_case("q")
        });
        quality.is_some_and(|(_, value)| !value.trim().parse().is_ok_and(|value: f32| value > 0.0))
    };
    parts.next().is_some_and(is_type) && !parts.any(is_refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Request = Request {
        is_head: false,
        format: TextFormat::Text,
    };

    #[test]
    fn heads_as_people_and_programs_write_them() {
        for head in [
            "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /metrics HTTP/1.0\n\n",
            "\r\nGET /metrics HTTP/1.1\r\n\r\n",
            "GET /metrics?name[]=a&b=c HTTP/1.1\r\n\r\n",
            "GET http://localhost:9000/metrics HTTP/1.1\r\n\r\n",
            "GET HTTP://[::1]/metrics?x HTTP/1.1\r\nAccept: */*\r\n\r\n",
        ] {
            assert_eq!(Request::parse(head.as_bytes()), Ok(Some(TEXT)), "{head}");
            for cut in 0..head.len() {
                let part = head.get(..cut).unwrap_or_default();
                assert_eq!(Request::parse(part.as_bytes()), Ok(None), "{part}");
            }
        }
        let head = "HEAD /metrics HTTP/1.1\r\n\r\n";
        let request = Request {
            is_head: true,
            ..TEXT
        };
        assert_eq!(Request::parse(head.as_bytes()), Ok(Some(request)));
    }

    #[test]
    fn what_is_refused_and_how() {
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        for (head, refusal) in [
            ("\0\0\0\x02hi", Refusal::BadRequest),
            ("GET /metrics HTTP/2.0\r\n\r\n", Refusal::BadRequest),
            ("GET  /metrics HTTP/1.1\r\n\r\n", Refusal::BadRequest),
            (
                "GET / HTTP/1.1\r\n\r\n",
                Refusal::NotFound { is_head: false },
            ),
            (
                "HEAD /metricsx HTTP/1.1\r\n\r\n",
                Refusal::NotFound { is_head: true },
            ),
            (
                "GET http://localhost HTTP/1.1\r\n\r\n",
                Refusal::NotFound { is_head: false },
            ),
            ("POST /metrics HTTP/1.1\r\n\r\n", Refusal::MethodNotAllowed),
            (&many, Refusal::TooLarge),
        ] {
            assert_eq!(Request::parse(head.as_bytes()), Err(refusal), "{head}");
        }
    }

    #[test]
    fn open_metrics_for_those_that_accept_it() {
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
        ] {
            let head = format!("GET /metrics HTTP/1.1\r\nACCEPT: {accept}\r\n\r\n");
            let request = Request {
                is_head: false,
                format,
            };
            assert_eq!(
                Request::parse(head.as_bytes()),
                Ok(Some(request)),
                "{accept}"
            );
        }
    }
}
