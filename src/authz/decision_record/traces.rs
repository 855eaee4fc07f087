//! Traces: a part of the decision records, as spans of OpenTelemetry.
//!
//! Which records become spans is decided when they are written out, so most requests cost nothing
//! more. A request whose caller has begun a trace (`traceparent`, W3C Trace Context) is in that trace,
//! and is left out if its caller has not sampled it. If it is taken, the portal gets the span that
//! stands for its response as the parent, so that spans of its own are below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::FixedState;
use jiff::Timestamp;
use memchr::memmem;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use rustls::ClientConfig;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::format::{self, Fields};
use crate::credential::authorities;
use crate::random;
use crate::telemetry::metrics::{Samples, Source, families};
use crate::telemetry::otlp::Collector;

/// Batches that wait for the collector. Beyond this, spans are counted and dropped.
const QUEUE: usize = 32;
/// How long the collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Spans of one batch.
const BATCH: usize = 512;

/// Takes the records that become spans.
#[derive(Debug)]
pub struct Traces {
    /// One in so many records.
    one_in: u64,
    queue: Sender<Batch>,
    /// Records whose spans were lost since the start.
    lost: Arc<AtomicU64>,
}

/// Sends spans to the collector.
#[derive(Debug)]
pub struct TraceExporter {
    batches: Receiver<Batch>,
    collector: Collector,
    /// Makes the connections to an `https` collector.
    tls: Option<Arc<ClientConfig>>,
    lost: Arc<AtomicU64>,
}

/// Records in JSON, one a line.
type Batch = Vec<Box<[u8]>>;

/// Takes one in `one_in` records, and sends them to this collector. Its certificate, if it has one, must
/// be of an authority of the system.
#[must_use]
pub fn traces(one_in: u64, collector: Collector) -> (Traces, TraceExporter) {
    let (queue, batches) = channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let tls = collector.is_https().then(|| authorities::trusting(authorities::of_system()));
    // Without one, nothing is sent, and the log has the reason.
    let tls = tls.and_then(Result::ok);
    let exporter = TraceExporter { batches, collector, tls, lost: Arc::clone(&lost) };
    (Traces { one_in: one_in.max(1), queue, lost }, exporter)
}

impl Traces {
    /// Takes a part of these lines.
    pub(super) fn offer(&self, lines: &[u8]) {
        let taken = lines.split_inclusive(|byte| *byte == b'\n').filter(|line| self.takes(line));
        let taken: Batch = taken.map(Into::into).collect();
        for batch in taken.chunks(BATCH) {
            if self.queue.try_send(batch.to_vec()).is_err() {
                lose(&self.lost, batch.len());
            }
        }
    }

    /// The `traceparent` for the portal in place of the caller's valid one, if the record of the
    /// request with this id becomes spans.
    pub(super) fn for_portal(&self, parent: &str, request: &str) -> Option<String> {
        if !self.takes_trace(parent.as_bytes()) {
            return None;
        }
        let (trace, flags) = (parent.get(..TRACE_END)?, parent.get(SPAN_END..)?);
        let span = data_encoding::HEXLOWER.encode(&portal_span(request));
        Some(format!("{trace}{span}{flags}"))
    }

    /// Whether the record of a line becomes spans. All records of a trace are taken, or none.
    fn takes(&self, line: &[u8]) -> bool {
        match memmem::find(line, PARENT_FIELD) {
            Some(at) => self.takes_trace(line.get(at + PARENT_FIELD.len()..).unwrap_or_default()),
            None => hash(line).is_multiple_of(self.one_in),
        }
    }

    /// Whether the trace of a valid `traceparent` is taken.
    fn takes_trace(&self, parent: &[u8]) -> bool {
        let flags = parent.get(FLAGS_END - 1).and_then(|digit| char::from(*digit).to_digit(16));
        let trace = parent.get(TRACE_START..TRACE_END);
        flags.is_some_and(|flags| flags & 1 == 1)
            && trace.is_some_and(|trace| hash(trace).is_multiple_of(self.one_in))
    }
}

/// What comes before a `traceparent` in a record.
const PARENT_FIELD: &[u8] = b",\"traceparent\":\"";
/// The parts of a `traceparent` of version 00: `00-`, the trace and `-`, the span, `-` and the flags.
const TRACE_START: usize = 3;
const TRACE_END: usize = TRACE_START + 33;
const SPAN_END: usize = TRACE_END + 16;
const FLAGS_END: usize = SPAN_END + 3;

/// The id of the span for the portal's response to the request with this id. The portal gets it
/// before the record is written, so it is computed from what both know.
fn portal_span(request: &str) -> [u8; 8] {
    // Zero is not a span (W3C Trace Context, 3.2.2.4).
    hash(request.as_bytes()).max(1).to_be_bytes()
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::BuildHasher as _;
    FixedState::default().hash_one(bytes)
}

fn lose(lost: &AtomicU64, count: usize) {
    lost.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Source for Traces {
    fn collect(&self, samples: &mut Samples) {
        samples.count(&families::SPANS_LOST, &[], self.lost.load(Ordering::Relaxed));
    }
}

impl TraceExporter {
    /// Sends spans until `last` is cancelled and none waits.
    pub async fn run(mut self, last: CancellationToken) {
        let tls = self.tls.take().map(TlsConnector::from);
        let mut has_failed = false;
        loop {
            let batch = tokio::select! {
                biased;
                batch = self.batches.recv() => batch,
                () = last.cancelled() => None,
            };
            let Some(batch) = batch else { return };
            let body = export(&batch, random::bytes).encode_to_vec();
            let sent = tokio::time::timeout(TIMEOUT, self.collector.post(tls.as_ref(), body)).await;
            let failure = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", TIMEOUT.as_secs())),
            };
            if failure.is_some() {
                lose(&self.lost, batch.len());
            }
            // Logged when it begins to fail and when it works again.
            match (has_failed, &failure) {
                (false, Some(error)) => tracing::warn!(error, "traces cannot be sent"),
                (true, None) => tracing::warn!("traces can be sent again"),
                _ => {}
            }
            has_failed = failure.is_some();
        }
    }
}

/// The request that exports the spans of these records; `id` gives random bytes for the ids of spans.
fn export(batch: &[Box<[u8]>], mut id: impl FnMut() -> [u8; 8]) -> ExportTraceServiceRequest {
    let spans = batch.iter().flat_map(|line| spans(&Fields::of(line), &mut id)).collect();
    let version = env!("CARGO_PKG_VERSION");
    let scope = InstrumentationScope {
        name: "portcullis".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: vec![
            attribute("service.name", "portcullis"),
            attribute("service.version", version),
        ],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
    let resource =
        ResourceSpans { resource: Some(resource), scope_spans, schema_url: String::new() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }
}

/// The span of a request, and that of the portal's response if there was one.
fn spans(fields: &Fields<'_>, id: &mut impl FnMut() -> [u8; 8]) -> Vec<Span> {
    let number = |name| fields.get(name).and_then(|value| value.parse::<u64>().ok());
    let micros = |name| number(name).unwrap_or_default().saturating_mul(1000);
    let start = format::text(fields.get("time").unwrap_or_default()).parse::<Timestamp>();
    let start = start.ok().and_then(|at| u64::try_from(at.as_nanosecond()).ok());
    let Some(start) = start else { return Vec::new() };
    let decided = start.saturating_add(micros("micros"));
    let ended = decided.saturating_add(micros("portal_micros"));
    let parent = fields.get("traceparent").map(format::text).and_then(|text| parent(&text));
    let (trace_id, parent_span_id) =
        parent.unwrap_or_else(|| (id().into_iter().chain(id()).collect(), Vec::new()));
    let own = id().to_vec();
    let text = |name| fields.get(name).map(format::text);
    let status = number("status");
    let mut attributes: Vec<_> = ATTRIBUTES
        .iter()
        .filter_map(|(field, name)| Some(attribute(name, &text(field)?)))
        .collect();
    let code = status.and_then(|status| i64::try_from(status).ok()).map(|status| {
        let value = Some(AnyValue { value: Some(Value::IntValue(status)) });
        KeyValue { key: "http.response.status_code".to_owned(), value, ..KeyValue::default() }
    });
    attributes.extend(code.clone());
    let failed = status.is_some_and(|status| status >= 500);
    let result = failed.then(|| Status { message: String::new(), code: StatusCode::Error.into() });
    let method = text("method").unwrap_or_default();
    let name = match text("route") {
        Some(route) => format!("{method} {route}"),
        None => method.clone().into_owned(),
    };
    let request = Span {
        trace_id: trace_id.clone(),
        span_id: own.clone(),
        parent_span_id,
        name,
        kind: SpanKind::Server.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: ended,
        attributes,
        status: result.clone(),
        ..Span::default()
    };
    let portal = status.map(|_| Span {
        trace_id,
        span_id: text("request").map_or_else(&mut *id, |request| portal_span(&request)).to_vec(),
        parent_span_id: own,
        name: format!("{method} portal"),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: decided,
        end_time_unix_nano: ended,
        attributes: code.into_iter().collect(),
        status: result,
        ..Span::default()
    });
    [Some(request), portal].into_iter().flatten().collect()
}

/// The fields of a record that are attributes of its span. People are left out: traces are kept
/// elsewhere, and the request's id leads to the record.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("method", "http.request.method"),
    ("path", "url.path"),
    ("request", "portcullis.request"),
    ("decision", "portcullis.decision"),
    ("reason", "portcullis.reason"),
    ("route", "http.route"),
    ("session", "portcullis.session"),
    ("organization", "portcullis.organization"),
    ("group", "portcullis.group"),
];

fn attribute(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// The trace and the span of a valid `traceparent`.
fn parent(traceparent: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut parts = traceparent.split('-').skip(1);
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
    Some((hex(parts.next()?)?, hex(parts.next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn line(rest: &str) -> Vec<u8> {
        let fields = r#"{"time":"2026-11-27T10:00:00.000001Z","request":"r1","method":"GET","path":"/t","decision":"allow","route":"Tickets","user":"u-1","micros":12"#;
        format!("{fields}{rest}}}\n").into_bytes()
    }

    fn spans_of(line: &[u8]) -> Vec<Span> {
        let mut next = 0;
        spans(&Fields::of(line), &mut || {
            next += 1;
            [next; 8]
        })
    }

    #[test]
    fn request_and_portal_are_spans_of_the_callers_trace() {
        let rest = format!(r#","traceparent":"{PARENT}","status":503,"portal_micros":900"#);
        let [request, portal] = &spans_of(&line(&rest))[..] else { panic!("two spans") };
        let begun = 1_795_773_600_000_001_000;
        assert_eq!(request.start_time_unix_nano, begun);
        assert_eq!(portal.start_time_unix_nano, begun + 12_000);
        assert_eq!(request.end_time_unix_nano, begun + 912_000);
        assert_eq!(portal.end_time_unix_nano, begun + 912_000);
        assert_eq!(data_encoding::HEXLOWER.encode(&request.trace_id), PARENT[3..35]);
        assert_eq!(data_encoding::HEXLOWER.encode(&request.parent_span_id), PARENT[36..52]);
        assert_eq!(
            (&portal.trace_id, &portal.parent_span_id),
            (&request.trace_id, &request.span_id)
        );
        assert_eq!(request.name, "GET Tickets");
        assert_eq!(request.status.as_ref().unwrap().code(), StatusCode::Error);
        let names: Vec<_> = request.attributes.iter().map(|it| &*it.key).collect();
        assert!(names.contains(&"http.response.status_code"), "{names:?}");
        assert!(!format!("{request:?}").contains("u-1"), "people are left out");
    }

    #[test]
    fn a_refused_request_without_a_caller_begins_a_trace() {
        let [request] = &spans_of(&line(""))[..] else { panic!("one span") };
        assert_eq!(request.trace_id, [[1; 8], [2; 8]].concat());
        assert!(request.parent_span_id.is_empty() && request.status.is_none());
        assert!(spans_of(b"no record\n").is_empty());
    }

    #[tokio::test]
    async fn the_portal_gets_its_span_as_the_parent() {
        let (all, _exporter) = traces(1, "http://127.0.0.1:9/v1/traces".parse().unwrap());
        let sent = all.for_portal(PARENT, "r1").unwrap();
        let rest = format!(r#","traceparent":"{PARENT}","status":200,"portal_micros":900"#);
        let [_, portal] = &spans_of(&line(&rest))[..] else { panic!("two spans") };
        let span = data_encoding::HEXLOWER.encode(&portal.span_id);
        assert_eq!(sent, format!("{}{span}-01", &PARENT[..36]));
        assert_ne!(all.for_portal(PARENT, "r2").unwrap(), sent);
        // The second digit of the flags counts, not its character.
        for (flags, taken) in
            [("00", false), ("02", false), ("0a", false), ("03", true), ("0b", true)]
        {
            let parent = format!("{}{flags}", &PARENT[..53]);
            let of_record = line(&format!(r#","traceparent":"{parent}""#));
            assert_eq!(all.for_portal(&parent, "r1").is_some(), taken, "{flags}");
            assert_eq!(all.takes(&of_record), taken, "{flags}");
        }
    }

    #[tokio::test]
    async fn a_share_is_taken_and_the_callers_choice_is_respected() {
        let collector = "http://127.0.0.1:9/v1/traces".parse().unwrap();
        let (all, _exporter) = traces(1, collector);
        let unsampled = format!(r#","traceparent":"{}0""#, &PARENT[..54]);
        let sampled = format!(r#","traceparent":"{PARENT}""#);
        assert!(all.takes(&line("")) && all.takes(&line(&sampled)));
        assert!(!all.takes(&line(&unsampled)));
        let some = Traces { one_in: 10, ..all };
        let lines = (0..10_000).map(|number| line(&format!(r#","n":{number}"#)));
        let taken = lines.filter(|line| some.takes(line)).count();
        assert!((800..1200).contains(&taken), "{taken}");
    }

    #[tokio::test]
    async fn i11_spans_that_cannot_be_queued_are_counted_and_dropped() {
        let (traces, _exporter) = traces(1, "http://127.0.0.1:9/v1/traces".parse().unwrap());
        for _ in 0..QUEUE + 3 {
            traces.offer(&line(""));
        }
        assert_eq!(traces.lost.load(Ordering::Relaxed), 3);
    }
}
