//! Why the portal has not answered a request, and whether the portal or the client is the cause.

use std::time::Duration;

use super::bounds::Exceeded;
use super::dial::Dialer;
use super::request_body::{TooLarge, TooSlow};

/// Why the portal has not answered a request.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The portal refused the connection, or did not accept it in time.
    #[error("the portal at {server} cannot be reached: {cause}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why, and what to do about it.
        cause: String,
    },
    /// All servers that the request may go to are draining.
    #[error(
        "all servers of the portal that the request may go to are draining; `portcullis \
         portal-servers resume` lets one take requests again"
    )]
    Draining,
    /// The portal accepted the request but did not start to respond in time.
    #[error("the portal at {server} did not answer within {waited:?}")]
    TimedOut {
        /// Its address.
        server: String,
        /// The time limit.
        waited: Duration,
    },
    /// The portal's response ended before its head was complete, or was not valid HTTP.
    #[error("the portal at {server} failed: {cause}")]
    BrokeOff {
        /// Its address.
        server: String,
        /// What went wrong.
        #[source]
        cause: portcullis_http1::Error,
    },
    /// The re-check of a waiting request had another verdict (I7).
    #[error("the session no longer permits this")]
    Revoked,
    /// The client's body could not be read, or the client left: not the fault of the portal.
    #[error("the client's body broke off")]
    BodyBroke,
    /// The client's body is larger than the route allows.
    #[error("the client's body is too large")]
    BodyTooLarge,
    /// The client's body stopped for too long: not the fault of the portal.
    #[error("the client's body stopped")]
    BodyStalled,
    /// A limit on requests at the portal is reached.
    #[error(transparent)]
    Busy(#[from] Exceeded),
}

/// Why an exchange over a connection has no response.
pub(super) enum ExchangeError {
    Failed(portcullis_http1::Error),
    /// The client's body stopped for too long.
    Stalled,
    /// Neither the upload nor the response has made progress for this long.
    TimedOut(Duration),
    /// It is no longer permitted.
    Revoked,
}

impl ExchangeError {
    /// The error of the request, which was sent to this server.
    pub(super) fn at(self, server: &str, dialer: &Dialer) -> UpstreamError {
        let server = server.to_owned();
        match self {
            Self::Failed(portcullis_http1::Error::RequestBody(error)) if error.is::<TooSlow>() => {
                UpstreamError::BodyStalled
            }
            Self::Failed(portcullis_http1::Error::RequestBody(error)) if error.is::<TooLarge>() => {
                UpstreamError::BodyTooLarge
            }
            Self::Failed(portcullis_http1::Error::RequestBody(_)) => UpstreamError::BodyBroke,
            Self::Failed(portcullis_http1::Error::Io(error))
                if let Some(refusal) = dialer.refusal(&error) =>
            {
                UpstreamError::Unreachable { server, cause: refusal.to_string() }
            }
            Self::Failed(cause) => UpstreamError::BrokeOff { server, cause },
            Self::Stalled => UpstreamError::BodyStalled,
            Self::Revoked => UpstreamError::Revoked,
            Self::TimedOut(waited) => UpstreamError::TimedOut { server, waited },
        }
    }
}

/// The error if there is no server to connect to, which the settings do not allow.
pub(super) fn no_server() -> UpstreamError {
    UpstreamError::Unreachable {
        server: "no server".to_owned(),
        cause: "the list of servers is empty".to_owned(),
    }
}
