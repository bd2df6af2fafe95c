use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::kernel::Notes;

const CALLER: SpanId = SpanId::from_bytes([3; 8]);

/// A request that has ended.
struct Ended {
    asked: Asked,
    caller: Option<SpanId>,
    status: Option<u16>,
    noted: Noted,
}

fn ended(route: &str, caller: Option<SpanId>, status: Option<u16>, noted: Noted) -> Ended {
    let asked = Asked { method: "GET", route: route.into(), request_id: "r1".into() };
    Ended { asked, caller, status, noted }
}

/// The batch of these requests.
fn batch(requests: &[Ended]) -> Vec<u8> {
    let (mut encoder, mut spans) = (Encoder::new(), Vec::new());
    for Ended { asked, caller, status, noted } in requests {
        let (trace, span, now) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), Instant::now());
        let done = Done { trace, span, caller: *caller, began: now, ended: now, asked, status: *status, noted };
        spans.extend_from_slice(encoder.write(&done));
    }
    let head = Head::new(&Resource::builder_empty().with_service_name("todo").build()).of(spans.len());
    [head, spans].concat()
}

/// What the generated types read.
fn read(batch: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(batch).unwrap();
    // And it is written as they write it: no field is unknown to them.
    assert_eq!(request.encode_to_vec(), batch);
    let [resource] = &request.resource_spans[..] else { panic!("{request:?}") };
    assert_eq!(told(&resource.resource.as_ref().unwrap().attributes), ["service.name=todo"]);
    let [scope] = &resource.scope_spans[..] else { panic!("{request:?}") };
    scope.spans.clone()
}

fn told(attributes: &[KeyValue]) -> Vec<String> {
    let one = |told: &KeyValue| match told.value.as_ref().unwrap() {
        AnyValue { value: Some(Value::StringValue(text)) } => format!("{}={text}", told.key),
        AnyValue { value: Some(Value::IntValue(number)) } => format!("{}={number}", told.key),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(one).collect()
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

#[test]
fn a_span_for_the_request_and_one_for_each_step_below_it() {
    let notes = Notes::default();
    for (summary, error) in [("get task", None), ("lock log", Some("unavailable"))] {
        let place = notes.began(summary, Some("sqlite"), Instant::now());
        notes.ended(place, Instant::now(), error);
    }
    notes.began("insert task", Some("sqlite"), Instant::now());
    notes.ended(notes.began("password.hash", None, Instant::now()), Instant::now(), None);
    notes.event("something is amiss", Instant::now());
    let before = Clock::system().now().timestamp();
    let spans = read(&batch(&[ended("/x", Some(CALLER), Some(503), notes.take())]));
    let [get, broken, open, hash, request] = &spans[..] else { panic!("{spans:#?}") };
    for span in &spans {
        assert_eq!(span.trace_id, [1; 16]);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        assert!(span.start_time_unix_nano / 1_000_000_000 + 2 > u64::try_from(before).unwrap());
    }
    for statement in [get, broken, open] {
        assert_eq!((&statement.parent_span_id[..], statement.flags), (&[2; 8][..], FLAGS));
        assert_eq!((statement.kind(), statement.span_id.len()), (SpanKind::Client, 8));
    }
    assert_ne!(get.span_id, broken.span_id);
    assert_eq!((&*hash.name, hash.kind(), hash.attributes.len()), ("password.hash", SpanKind::Internal, 0));
    assert_eq!((&hash.parent_span_id[..], failed(hash)), (&[2; 8][..], false));
    assert_eq!((&*get.name, failed(get)), ("get task", false));
    assert_eq!(told(&get.attributes), ["db.system.name=sqlite", "db.query.summary=get task"]);
    assert_eq!((&*told(&broken.attributes)[2], failed(broken)), ("error.type=unavailable", true));
    assert_eq!((&*told(&open.attributes)[2], failed(open)), ("error.type=unfinished", true));
    assert_eq!((&*request.name, request.kind(), failed(request)), ("GET /x", SpanKind::Server, true));
    assert_eq!((&request.parent_span_id[..], request.flags), (&[3; 8][..], FLAGS | REMOTE_PARENT));
    assert_eq!((&request.span_id[..], &*request.events[0].name), (&[2; 8][..], "something is amiss"));
}

#[test]
fn a_request_tells_its_status_or_that_nobody_waited_for_it() {
    let told = |status| {
        let spans = read(&batch(&[ended("/x", None, status, Noted::default())]));
        assert_eq!((spans.len(), &spans[0].parent_span_id[..], spans[0].flags), (1, &[][..], FLAGS));
        told(&spans[0].attributes)
    };
    let same = ["http.request.method=GET", "http.route=/x", "request_id=r1"].map(str::to_owned);
    let with = |more: &[&str]| [&same[..], &more.iter().map(|&told| told.to_owned()).collect::<Vec<_>>()].concat();
    assert_eq!(told(Some(404)), with(&["http.response.status_code=404"]));
    assert_eq!(told(Some(503)), with(&["http.response.status_code=503", "error.type=503"]));
    assert_eq!(told(None), with(&["error.type=aborted"]));
}

proptest! {
    #[test]
    fn whatever_is_noted_is_read_as_it_was(
        route in ".{0,300}",
        messages in proptest::collection::vec(".{1,300}", 0..4),
        left_out in 0_u32..,
        status in 0_u16..1000,
        requests in 1_usize..20,
    ) {
        let one = || {
            let notes = Notes::default();
            for message in &messages {
                notes.event(message, Instant::now());
            }
            let mut noted = notes.take();
            noted.left_out = left_out;
            ended(&route, None, Some(status), noted)
        };
        let spans = read(&batch(&std::iter::repeat_with(one).take(requests).collect::<Vec<_>>()));
        prop_assert_eq!(spans.len(), requests);
        for span in spans {
            prop_assert_eq!(&span.name, &format!("GET {route}"));
            prop_assert_eq!(&told(&span.attributes)[3], &format!("http.response.status_code={status}"));
            let names: Vec<_> = span.events.iter().map(|event| event.name.clone()).take(messages.len()).collect();
            prop_assert_eq!(&names, &messages);
            let more = span.events.get(messages.len()).map(|event| told(&event.attributes));
            prop_assert_eq!(more, (left_out > 0).then(|| vec![format!("count={left_out}")]));
        }
    }
}
