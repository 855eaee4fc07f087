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
//! | `mistake` | the log of proxies that are not configured correctly |

mod contract;
mod mistake;
mod original;
mod permission;
mod refusal;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};
use jiff::Timestamp;

pub use self::contract::Contract;

use self::mistake::{Mistake, Mistakes};
use self::original::{Original, Unbodied};
use self::permission::Permissions;
use self::refusal::Asker;
use crate::authz::decision_record::Entry;
use crate::authz::{AccessRequest, Action, Refusal};
use crate::config::Settings;
use crate::proxy::{Cause, ContractError, Received, Responder, question};
use portcullis_policy::Subject;

/// Answers other proxies.
#[derive(Debug)]
pub struct ForwardAuth {
    responder: Arc<Responder>,
    permissions: Permissions,
    mistakes: Mistakes,
}

impl ForwardAuth {
    /// `None` if `forward_auth.enabled` is not set: then no proxy is answered.
    #[must_use]
    pub fn new(settings: &Settings, responder: Arc<Responder>) -> Option<Self> {
        settings.forward_auth.enabled.then(|| Self {
            permissions: Permissions::new(settings),
            mistakes: Mistakes::default(),
            responder,
        })
    }

    /// The contract in which a request asks about another one; `None` if it does not.
    #[must_use]
    pub fn asked_by<B>(&self, request: &Request<B>) -> Option<Contract> {
        Contract::at(request.uri().path())
    }

    /// Answers what the proxy at `peer` asks.
    pub async fn answer<B>(
        self: Arc<Self>,
        contract: Contract,
        request: Request<B>,
        peer: IpAddr,
        now: Timestamp,
    ) -> Response<Body> {
        let peer = peer.to_canonical();
        let authz = self.responder.authz();
        let proxies = authz.proxies();
        let client = proxies.client(request.headers(), peer);
        let mut request = request.map(|_| Unbodied::new());
        let original = match proxies.trust(peer) {
            true => {
                let is_spoofed = |name: &_| self.permissions.is_spoofed(name, contract);
                Original::read(contract, &mut request, is_spoofed)
            }
            false => Err(ContractError::UntrustedProxy.into()),
        };
        let received = self.responder.received(client, &request, now);
        let by = (contract, &received.by_way_of(contract.name()));
        let Original { bad, client_is_known } = match original {
            Ok(original) => original,
            Err(mistake) => return self.refuse_question(by, &request, &mistake, peer),
        };
        let read = match bad {
            Some(bad) => Err(bad.into()),
            None => question::read(&request, proxies, (peer, client)),
        };
        let asked = read.and_then(|mut question| {
            question.client = client_is_known.then_some(client);
            authz.read(&question)
        });
        let asked = match asked {
            Ok(asked) => asked,
            Err(bad) => {
                let cause = Refusal::BadRequest(bad).into();
                return self.refuse(by, &request, (None, None), cause);
            }
        };
        let snapshot = authz.snapshot();
        let verdict = authz.authorize(&asked, request.headers(), &snapshot, now).await;
        match verdict.action(&asked) {
            Action::Forward(_) if contract == Contract::Answer => {
                // It was refused a moment ago and is allowed by now.
                refusal::again(&asked, &self.asker(by, Some(&asked)))
            }
            Action::Forward(permit) => {
                let entry = by.1.entry(&request).decided(&asked, &verdict);
                let target = question::raw_target(&request, Some(asked.target()));
                self.responder.decisions().record(&Entry { target, ..entry });
                self.permissions.answer(permit, by, &verdict, request.headers())
            }
            Action::OwnPage => {
                let mistake = ContractError::OwnPage.into();
                self.refuse_question(by, &request, &mistake, peer)
            }
            Action::Refuse(refusal) => {
                let decided = (&asked, &verdict);
                let response = self.responder.refuse_verdict(by.1, &request, decided, refusal);
                refusal::shape(response, refusal.reason(), &self.asker(by, Some(&asked)))
            }
        }
    }

    /// Refuses a question that is not asked as its contract says.
    fn refuse_question(
        &self,
        (contract, received): (Contract, &Received),
        request: &Request<Unbodied>,
        mistake: &Mistake,
        peer: IpAddr,
    ) -> Response<Body> {
        self.mistakes.log(contract, mistake, (peer, received.now()));
        let cause = Cause::Contract(mistake.error());
        self.refuse((contract, received), request, (None, None), cause)
    }

    fn refuse(
        &self,
        (contract, received): (Contract, &Received),
        request: &Request<Unbodied>,
        (asked, subject): (Option<&AccessRequest>, Option<&Subject>),
        cause: Cause<'_>,
    ) -> Response<Body> {
        let response = self.responder.refuse(received, request, (asked, subject), cause);
        refusal::shape(response, cause.reason(), &self.asker((contract, received), asked))
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
