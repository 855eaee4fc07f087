//! Requests to the public URL that the running gateway recognizes by a mark in their query: what it
//! has decided about each can be compared with what was sent.
//!
//! The gateway keeps them apart from all others, so other requests cannot displace them. It keeps
//! those that it refuses, and questions of other proxies.

use std::io;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::client::{Answer, Ask, Client, Endpoint};
use super::deployment::AdminApi;
use super::finding::Finding;
use crate::authz::marked_requests::PARAMETER;
use crate::random;

/// The contract in which nginx asks for the page of a refusal, after it has asked for the decision.
const ANSWER: &str = "answer";

/// Sends marked requests.
#[derive(Clone, Copy)]
pub(super) struct Marks<'a> {
    pub(super) admin: &'a dyn AdminApi,
    pub(super) client: &'a Client,
    pub(super) endpoint: &'a Endpoint,
}

/// A request that was sent.
pub(super) struct Marked {
    pub(super) answer: io::Result<Answer>,
    /// What the gateway knows of it, or why that is not known.
    pub(super) records: Result<Records, String>,
}

/// What the gateway knows of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Records {
    /// What the ids of all requests to it begin with; empty until one was refused.
    ids: String,
    /// What it has decided; nothing if it does not recognize the request.
    pub(super) decided: Vec<Decided>,
}

/// What the gateway has decided about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    /// The contract in which another proxy asked.
    contract: Option<String>,
    /// What it takes for the client's address.
    pub(super) address: Option<IpAddr>,
    pub(super) method: String,
    /// The path as it came.
    pub(super) path: String,
}

impl Marks<'_> {
    /// Sends a request for a path, and a second time if the gateway does not recognize it: the value
    /// may have expired in between.
    pub(super) fn send(&self, ask: &Ask<'_>) -> Marked {
        let marked = self.send_once(ask);
        match &marked.records {
            Ok(records) if records.decided.is_empty() => self.send_once(ask),
            Ok(_) | Err(_) => marked,
        }
    }

    /// Sends a request for a path.
    pub(super) fn send_once(&self, ask: &Ask<'_>) -> Marked {
        let document = || self.admin.marked().map_err(|error| error.to_string());
        let value = match document() {
            Ok(document) => text(&document, "value"),
            Err(error) => {
                return Marked { answer: self.client.ask(self.endpoint, ask), records: Err(error) };
            }
        };
        let mark = HEXLOWER.encode(&random::bytes::<8>());
        let target = format!("{}?{PARAMETER}={value}.{mark}", ask.target());
        let answer = self.client.ask(self.endpoint, &ask.at(&target));
        Marked { answer, records: document().map(|document| Records::of(&document, &mark)) }
    }
}

impl Records {
    fn of(document: &Value, mark: &str) -> Self {
        let requests = document.get("requests").and_then(Value::as_array).into_iter().flatten();
        let marked = requests.filter(|request| text(request, "mark") == mark);
        Self { ids: text(document, "ids"), decided: marked.map(Decided::of).collect() }
    }

    /// Whether this gateway gave a request this id.
    pub(super) fn gave_id(&self, id: &str) -> bool {
        !self.ids.is_empty() && id.starts_with(&self.ids)
    }

    /// The decision that another proxy has acted on, if one asked; otherwise that about the request.
    pub(super) fn decision(&self) -> Option<&Decided> {
        self.decided.iter().find(|decided| decided.decides()).or(self.decided.first())
    }

    /// The same, by itself.
    pub(super) fn into_decision(mut self) -> Option<Decided> {
        let decides = self.decided.iter().position(Decided::decides).unwrap_or_default();
        (decides < self.decided.len()).then(|| self.decided.swap_remove(decides))
    }
}

impl Decided {
    fn of(request: &Value) -> Self {
        Self {
            contract: request.get("contract").and_then(Value::as_str).map(str::to_owned),
            address: text(request, "address").parse().ok(),
            method: text(request, "method"),
            path: text(request, "path"),
        }
    }

    /// Whether it is more than the question about the page of a refusal.
    fn decides(&self) -> bool {
        self.contract.as_deref() != Some(ANSWER)
    }

    /// Where a proxy asked, in parentheses; empty if none did.
    pub(super) fn place(&self) -> String {
        match self.contract.as_deref() {
            None => String::new(),
            Some(ANSWER) => " (asked at /.portcullis/answer)".to_owned(),
            Some("envoy-grpc") => " (asked over gRPC)".to_owned(),
            Some(contract) => format!(" (asked at /.portcullis/verify/{contract})"),
        }
    }
}

/// The finding that the gateway's view of something is not known.
pub(super) fn not_compared(what: &str, why: &str) -> Finding {
    Finding::warning("not-compared", format!("{what} cannot be compared: {why}"))
        .because("what a client can change there is not known")
        .fix(
            "let the proxy pass the query on, and run the same version of this program as the \
             gateway, on its machine",
        )
}

fn text(document: &Value, name: &str) -> String {
    document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::deployment::AdminError;
    use crate::doctor::recorder::Recorder;

    fn document() -> Value {
        let request = |mark: &str, contract: Value, address: &str| {
            json!({ "mark": mark, "contract": contract, "address": address, "method": "GET",
                    "path": "/a%3Bb" })
        };
        json!({ "value": "5e", "ids": "0123", "requests": [
            request("1", "answer".into(), "192.0.2.1"),
            request("1", "nginx".into(), "192.0.2.2"),
            request("2", Value::Null, "192.0.2.3"),
        ] })
    }

    #[test]
    fn decision_is_that_of_the_question_not_of_the_page() {
        let of = |mark: &str| Records::of(&document(), mark);
        let asked = of("1");
        assert_eq!(asked.decided.len(), 2);
        let decision = asked.decision().unwrap();
        assert_eq!(decision.address, "192.0.2.2".parse().ok());
        assert_eq!(decision.place(), " (asked at /.portcullis/verify/nginx)");
        assert_eq!(of("2").decision().unwrap().place(), "");
        assert_eq!((of("3").decision(), of("3").into_decision()), (None, None));
        assert_eq!(of("1").into_decision().as_ref(), of("1").decision());
    }

    #[test]
    fn gateway_is_known_by_the_ids_of_its_requests() {
        let records = Records::of(&document(), "1");
        assert!(records.gave_id("012300"));
        assert!(!records.gave_id("4567") && !records.gave_id(""));
        assert!(!Records::of(&json!({}), "1").gave_id("012300"));
    }

    /// A gateway that recognizes nothing, or does not know of marks.
    struct Gateway(Option<Value>);

    impl AdminApi for Gateway {
        fn status(&self) -> Result<Value, AdminError> {
            Err(AdminError::Failed("not asked".to_owned()))
        }

        fn marked(&self) -> Result<Value, AdminError> {
            self.0.clone().ok_or_else(|| AdminError::Failed("no such page".to_owned()))
        }
    }

    #[test]
    fn request_has_the_value_in_its_query_if_there_is_one() {
        let recorder = Recorder::listen("127.0.0.1:0").unwrap();
        let server = format!("http://{}", recorder.address).parse().unwrap();
        let endpoint = Endpoint::portal(&server, "portal.test").unwrap();
        let client = Client::new();
        for (document, expected) in [(Some(document()), "/a?portcullis-doctor=5e."), (None, "/a")] {
            let gateway = Gateway(document);
            let marks = Marks { admin: &gateway, client: &client, endpoint: &endpoint };
            let (marked, arrived) = recorder.during(|| marks.send(&Ask::get("/a")));
            assert_eq!(marked.answer.unwrap().status, 200);
            assert_eq!(marked.records.is_ok(), gateway.0.is_some());
            let target = arrived.unwrap().target;
            assert!(target.starts_with(expected), "{target}");
        }
    }
}
