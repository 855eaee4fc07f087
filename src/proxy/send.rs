//! Sending a request to the portal: to which server, over which connection, and again after a
//! failure.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response, StatusCode};
use tokio::sync::oneshot;

use super::bounds::Slot;
use super::lease::Lease;
use super::portal_connection::PortalConnection;
use super::request_body::RequestBody;
use super::response_body::ResponseBody;
use super::upstream::{RECHECK_AFTER, Upstreams};
use super::upstream_error::{ExchangeError, UpstreamError, no_server};
use super::watch::Waiting;
use portcullis_http1::RequestHead;

impl Upstreams {
    /// Sends a request to a server of the group at this position, and waits for the head, by default
    /// for `response_timeout`. The body streams.
    ///
    /// # Errors
    /// If no server of the group accepts the request, the one that did does not answer, or the request is no
    /// longer permitted.
    pub(super) async fn send(
        self: &Arc<Self>,
        head: &RequestHead,
        mut body: RequestBody,
        mut slot: Slot,
        (group, within): (usize, Option<Duration>),
        waiting: &mut Waiting<'_>,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let upload = body.progress();
        // Whether the portal has read the body cannot be seen from here. What it has not read may be taken
        // for the next request.
        let last = upload.is_some() && !self.reuse_after_body;
        // Idempotent (RFC 9110, 9.2.2), and without a body, which is not there a second time.
        let repeatable = upload.is_none() && is_repeatable(head.method());
        let group = self.groups.get(group).ok_or_else(no_server)?;
        let Some(mut index) = self.choose(group, None, |index| slot.take_server(index)) else {
            return Err(self.refusal(group));
        };
        let (mut may_reuse, mut may_try_another) = (true, true);
        loop {
            let Some(server) = self.servers.get(index) else { return Err(no_server()) };
            let unused = if may_reuse { server.checkout() } else { None };
            let used_before = unused.is_some();
            let connection = match unused {
                Some(connection) => Ok(connection),
                // On the heap because it is rare: otherwise each request's future would have room for it.
                None => {
                    let (connection, back) = Box::pin(self.connect(index, slot, waiting)).await;
                    match (connection, back) {
                        (connection, Some(back)) => {
                            slot = back;
                            connection
                        }
                        (Ok(_), None) => return Err(no_server()),
                        (Err(error), None) => return Err(error),
                    }
                }
            };
            let (error, again) = match connection {
                Ok(connection) => {
                    let sent = std::mem::replace(&mut body, RequestBody::empty());
                    let mut lease = Lease::new(self, index, connection, slot);
                    let within = within.unwrap_or(self.response_timeout);
                    let sent = (sent, last, upload.as_ref());
                    match lease.exchange(head, sent, within, waiting).await {
                        Ok(answer) => {
                            let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
                            return Ok(answer.map(|()| ResponseBody::new(lease, switched)));
                        }
                        Err(failure) => {
                            let again = repeatable && lease.is_unanswered();
                            let broke = matches!(failure, ExchangeError::Failed(_));
                            let error = failure.at(&server.settings.address, self.dialer());
                            if !broke {
                                // The portal may still be working on it.
                                return Err(error);
                            }
                            let Some(freed) = lease.close() else { return Err(error) };
                            slot = freed;
                            (error, again)
                        }
                    }
                }
                Err(error) => {
                    let again = !matches!(error, UpstreamError::Revoked);
                    (error, again)
                }
            };
            if !again {
                return Err(error);
            }
            if used_before {
                // The portal has just closed it; a new one may work.
                may_reuse = false;
                continue;
            }
            // One other server at most: a request that makes servers fail must not reach all of them.
            if !std::mem::replace(&mut may_try_another, false) {
                return Err(error);
            }
            let another = self.choose(group, Some(index), |index| slot.take_server(index));
            let Some(another) = another else { return Err(error) };
            (index, may_reuse) = (another, true);
        }
    }

    /// Connects in a separate task, which holds the slot until then. If the client leaves, the next
    /// request gets the connection, so a client cannot cause connections that are never used.
    async fn connect(
        self: &Arc<Self>,
        index: usize,
        slot: Slot,
        waiting: &mut Waiting<'_>,
    ) -> (Result<PortalConnection, UpstreamError>, Option<Slot>) {
        let (done, mut connected) = oneshot::channel();
        let upstreams = Arc::clone(self);
        tokio::spawn(async move {
            let connection = upstreams.dial(index).await;
            if let Err((Ok(connection), _slot)) = done.send((connection, slot)) {
                upstreams.give_back(index, connection);
            }
        });
        let connected = match tokio::time::timeout(RECHECK_AFTER, &mut connected).await {
            Ok(connected) => connected,
            Err(_) => {
                waiting.start();
                tokio::select! {
                    later = connected => later,
                    () = waiting.revoked() => return (Err(UpstreamError::Revoked), None),
                }
            }
        };
        match connected {
            Ok((connection, slot)) => (connection, Some(slot)),
            // The program is about to end.
            Err(_) => (Err(no_server()), None),
        }
    }
}

fn is_repeatable(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
