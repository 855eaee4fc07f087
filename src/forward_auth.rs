//! Forward authentication: another proxy stands in front of the portal and asks about each request
//! before it sends it on.
//!
//! Each [`Contract`] is a way in which proxies ask. What they send is read into the request that
//! they ask about, and that goes through [`authz`](crate::authz) as a request to the gateway itself
//! does. What is allowed is answered 200, with the header fields that the proxy has to set; what is
//! refused is answered as the gateway would, in the form that the proxy passes on.
//!
//! A proxy is believed only if its address is in `server.trusted_proxies`. A question that lacks a
//! field, has one twice, or has one of another contract is refused ([`ContractError`]): a proxy that
//! is configured halfway must fail at the first request, not let some through.
//!
//! | module | holds |
//! |---|---|
//! | `contract` | the contracts, and the paths at which they are spoken |
//! | `original` | the request that the proxy asks about |
//! | `permission` | the answer to a request that is allowed |
//! | `refusal` | the answer to one that is refused |
//! | `message` | questions and answers as messages of gRPC |
//! | `mistake` | the log of proxies that are not configured correctly |

mod contract;
mod message;
mod mistake;
mod original;
mod permission;
mod refusal;

use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;

pub use self::contract::Contract;

use self::message::Answer;
use self::mistake::{Mistake, Mistakes};
use self::original::{Asked, Original, Unbodied};
use self::permission::Permissions;
use self::refusal::Asker;
use crate::authz::decision_record::Entry;
use crate::authz::{AccessRequest, Action, Refusal};
use crate::config::{Limits, Settings};
use crate::proxy::{Cause, ContractError, Received, Responder, head_size, question};
use crate::web::peer::Peer;
use portcullis_grpc_api::Struct;
use portcullis_grpc_api::ext_authz::{CheckRequest, CheckResponse};

/// Answers other proxies.
#[derive(Debug)]
pub struct ForwardAuth {
    responder: Arc<Responder>,
    permissions: Permissions,
    mistakes: Mistakes,
    limits: Limits,
}

impl ForwardAuth {
    /// `None` if `forward_auth.enabled` is not set: then no proxy is answered.
    #[must_use]
    pub fn new(settings: &Settings, responder: Arc<Responder>) -> Option<Self> {
        settings.forward_auth.enabled.then(|| Self {
            permissions: Permissions::new(settings),
            mistakes: Mistakes::default(),
            limits: settings.server.limits,
            responder,
        })
    }

    /// The contract in which a request asks about another one; `None` if it does not.
    #[must_use]
    pub fn asked_by<B>(&self, request: &Request<B>) -> Option<Contract> {
        Contract::at(request.uri().path())
    }

    /// Whether the proxy at `peer` may connect where only proxies ask. One that may not is logged.
    #[must_use]
    pub fn admits(&self, peer: Peer, now: Timestamp) -> bool {
        let is_trusted = self.responder.authz().proxies().trust(peer);
        if !is_trusted {
            let mistake = ContractError::UntrustedProxy.into();
            self.mistakes.log(Contract::EnvoyGrpc, &mistake, (peer, now));
        }
        is_trusted
    }

    /// Answers what the proxy at `peer` asks over HTTP.
    pub async fn answer<B>(
        self: Arc<Self>,
        contract: Contract,
        request: Request<B>,
        peer: Peer,
        now: Timestamp,
    ) -> Response<Body> {
        let request = request.map(|_| Unbodied::new());
        let stated = Err(ContractError::MissingField.into());
        self.decide(contract, (request, stated), peer, now).await.response
    }

    /// Answers what the proxy at `peer` asks over gRPC.
    pub async fn check(&self, asked: CheckRequest, peer: Peer, now: Timestamp) -> CheckResponse {
        let question = message::read(asked);
        message::answer(self.decide(Contract::EnvoyGrpc, question, peer, now).await).await
    }

    async fn decide(
        &self,
        contract: Contract,
        (mut request, stated): (Request<Unbodied>, Result<Asked, Mistake>),
        peer: Peer,
        now: Timestamp,
    ) -> Answer {
        let authz = self.responder.authz();
        let proxies = authz.proxies();
        let client = proxies.client(request.headers(), peer);
        let original = match proxies.trust(peer) {
            true => {
                let is_spoofed = |name: &_| self.permissions.is_spoofed(name, contract);
                Original::read(contract, &mut request, stated, is_spoofed)
            }
            false => Err(ContractError::UntrustedProxy.into()),
        };
        let received = self.responder.received(client, &request, now);
        let by = (contract, &received.by_way_of(contract.name()));
        let Original { bad, client_is_known } = match original {
            Ok(original) => original,
            Err(mistake) => return self.refuse_question(by, &request, &mistake, peer),
        };
        // In the other contracts, the question itself is such a head.
        if contract == Contract::EnvoyGrpc && !head_size::is_within(&request, &self.limits) {
            return self.refuse_head(by, &request);
        }
        let read = match bad {
            Some(bad) => Err(bad.into()),
            None => question::read(&request, proxies, (peer, client)),
        };
        let asked = read.and_then(|mut question| {
            question.client = question.client.filter(|_| client_is_known);
            authz.read(&question)
        });
        let asked = match asked {
            Ok(asked) => asked,
            Err(bad) => {
                let cause = Refusal::BadRequest(bad).into();
                return self.refuse(by, &request, cause);
            }
        };
        let snapshot = authz.snapshot();
        let verdict = authz.authorize(&asked, request.headers(), &snapshot, now).await;
        let entry = by.1.entry(&request).decided(&asked, &verdict);
        let metadata = metadata(contract, &entry);
        match verdict.action(&asked) {
            Action::Forward(_) if contract == Contract::Answer => {
                // It was refused a moment ago and is allowed by now.
                let response = refusal::again(&asked, &self.asker(by, Some(&asked)));
                Answer { is_permission: false, response, metadata }
            }
            Action::Forward(permit) => {
                let target = question::raw_target(&request, Some(asked.target()));
                self.responder.record(&Entry { target, ..entry });
                let response = self.permissions.answer(permit, by, &verdict, request.headers());
                Answer { is_permission: true, response, metadata }
            }
            Action::OwnPage => {
                let mistake = ContractError::OwnPage.into();
                self.refuse_question(by, &request, &mistake, peer)
            }
            Action::Refuse(refusal) => {
                let decided = (&asked, &verdict);
                let response = self.responder.refuse_verdict(by.1, &request, decided, refusal);
                let asker = self.asker(by, Some(&asked));
                let response = refusal::shape(response, refusal.reason(), &asker);
                Answer { is_permission: false, response, metadata }
            }
        }
    }

    /// Refuses a question that is not asked as its contract says.
    fn refuse_question(
        &self,
        (contract, received): (Contract, &Received),
        request: &Request<Unbodied>,
        mistake: &Mistake,
        peer: Peer,
    ) -> Answer {
        self.mistakes.log(contract, mistake, (peer, received.now()));
        let cause = Cause::Contract(mistake.error());
        self.refuse((contract, received), request, cause)
    }

    /// Refuses a question that cannot be decided.
    fn refuse(
        &self,
        (contract, received): (Contract, &Received),
        request: &Request<Unbodied>,
        cause: Cause<'_>,
    ) -> Answer {
        let (decision, reason) = (cause.decision(), cause.reason());
        let entry = Entry { decision, reason, ..received.entry(request) };
        let metadata = metadata(contract, &entry);
        let response = self.responder.refuse(received, request, (None, None), cause);
        let response = refusal::shape(response, reason, &self.asker((contract, received), None));
        Answer { is_permission: false, response, metadata }
    }

    /// Refuses a question about a request whose head is too large: 431.
    fn refuse_head(
        &self,
        (contract, received): (Contract, &Received),
        request: &Request<Unbodied>,
    ) -> Answer {
        let target = question::raw_target(request, None);
        let reason = head_size::TOO_LARGE;
        let entry = Entry { target, decision: "bad-request", reason, ..received.entry(request) };
        self.responder.record(&entry);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let response = refusal::shape(response, reason, &self.asker((contract, received), None));
        Answer { is_permission: false, response, metadata: metadata(contract, &entry) }
    }

    /// How the answer to this question has to look.
    fn asker<'a>(
        &'a self,
        (contract, _): (Contract, &Received),
        asked: Option<&'a AccessRequest>,
    ) -> Asker<'a> {
        let authz = self.responder.authz();
        let host = asked.map(|asked| authz.host(asked.host()));
        Asker { contract, hosts: authz.hosts(), host }
    }
}

fn metadata(contract: Contract, entry: &Entry<'_>) -> Option<Struct> {
    (contract == Contract::EnvoyGrpc).then(|| message::metadata(entry))
}
