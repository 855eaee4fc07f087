//! `upstream.health_…`: how the portal's servers are checked.

use std::str::FromStr;
use std::time::Duration;

use http::StatusCode;
use http::uri::PathAndQuery;

use super::reader::Reader;
use super::value::seconds;

/// The default of `upstream.health_status`.
const STATUS: [&str; 2] = ["2xx", "3xx"];
/// The most checks in a row that may be required.
const MOST_CHECKS: usize = 100;

/// How the portal's servers are checked.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// `upstream.health_interval`: time between two checks of a server.
    pub interval: Duration,
    /// `upstream.health_path`: the path and query that is requested. `None`: a check connects.
    pub path: Option<PathAndQuery>,
    /// `upstream.health_status`: a response with one of these passes.
    pub status: Vec<ExpectedStatus>,
    /// `upstream.health_failures`: failed checks in a row after which a server gets no requests.
    pub failures: usize,
    /// `upstream.health_successes`: passed checks in a row after which it gets requests again.
    pub successes: usize,
}

/// A status such as `204`, or all of a class, such as `2xx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedStatus {
    /// This one.
    Code(StatusCode),
    /// All that begin with this digit.
    Class(u16),
}

/// The path and query of a request.
struct RequestTarget(PathAndQuery);

impl HealthCheck {
    pub(super) fn read(r: &mut Reader) -> Self {
        let path = r.parsed::<RequestTarget>("upstream.health_path").map(|target| target.0);
        let key = "upstream.health_status";
        let status = r.list(key).unwrap_or_else(|| {
            r.show(key, STATUS.to_vec());
            vec![ExpectedStatus::Class(2), ExpectedStatus::Class(3)]
        });
        if status.is_empty() {
            r.problem(key, "must have at least one status (e.g. `200` or `2xx`)".to_owned());
        }
        Self {
            interval: r.duration("upstream.health_interval", seconds(5)),
            path,
            status,
            failures: r.number("upstream.health_failures", 1, 1, MOST_CHECKS),
            successes: r.number("upstream.health_successes", 1, 1, MOST_CHECKS),
        }
    }

    /// Whether a response with this status passes.
    #[must_use]
    pub fn expects(&self, status: StatusCode) -> bool {
        self.status.iter().any(|expected| match *expected {
            ExpectedStatus::Code(code) => status == code,
            ExpectedStatus::Class(digit) => status.as_u16() / 100 == digit,
        })
    }
}

impl FromStr for ExpectedStatus {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a status (e.g. `200`) or a class of them (e.g. `2xx`)";
        if let Some(digit) = text.strip_suffix("xx") {
            return match digit {
                "2" => Ok(Self::Class(2)),
                "3" => Ok(Self::Class(3)),
                "4" => Ok(Self::Class(4)),
                "5" => Ok(Self::Class(5)),
                _ => Err(wrong),
            };
        }
        let code: StatusCode = text.parse().map_err(|_| wrong)?;
        if (200..600).contains(&code.as_u16()) { Ok(Self::Code(code)) } else { Err(wrong) }
    }
}

impl FromStr for RequestTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a path (e.g. `/health`)";
        if !text.starts_with('/') || text.contains('#') {
            return Err(wrong);
        }
        text.parse().map(Self).map_err(|_| wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_status_is_a_code_or_a_class() {
        let mut check = HealthCheck {
            interval: seconds(5),
            path: None,
            status: ["204", "3xx"].map(|text| text.parse().unwrap()).to_vec(),
            failures: 1,
            successes: 1,
        };
        for (status, expected) in [(204, true), (200, false), (302, true), (404, false)] {
            assert_eq!(check.expects(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        check.status.clear();
        assert!(!check.expects(StatusCode::OK));
        for text in ["", "xx", "1xx", "6xx", "20x", "100", "600", "20", "ok", "2XX"] {
            assert!(text.parse::<ExpectedStatus>().is_err(), "{text}");
        }
    }

    #[test]
    fn health_path_is_the_target_of_a_request() {
        for text in ["/", "/health", "/health?full=1"] {
            assert!(text.parse::<RequestTarget>().is_ok(), "{text}");
        }
        for text in ["", "health", "http://portal/health", "/a b", "/a#b", "/a\r\nx: y"] {
            assert!(text.parse::<RequestTarget>().is_err(), "{text}");
        }
    }
}
