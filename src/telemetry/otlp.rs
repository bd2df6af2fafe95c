//! Ended requests as OTLP's `ExportTraceServiceRequest`, in protobuf's encoding.
//!
//! All other spans take the SDK's way: its own form of a span, copied by the exporter, made into messages and those into
//! bytes. For each request of a service that answers in microseconds that is felt, so a request's spans are written at
//! once, and where it ends: what it has allocated is given back by the thread that allocated it. The numbers of the fields
//! are those of OTLP 1 (`trace.proto`, `common.proto`, `resource.proto`), whose generated types read in the tests what is
//! written here.

use std::time::{Instant, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

use super::trace::Asked;
use crate::kernel::{Clock, Noted, Step};

const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
/// Sampled; and it is known whether the parent is of another process.
const FLAGS: u32 = 0x101;
const REMOTE_PARENT: u32 = 0x200;
const STATUS_ERROR: u64 = 2;

/// A request that has ended and is recorded.
#[derive(Debug)]
pub(super) struct Done<'a> {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    /// The caller's span.
    pub(super) caller: Option<SpanId>,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) asked: &'a Asked,
    /// None where the client went away before it.
    pub(super) status: Option<u16>,
    pub(super) noted: &'a Noted,
}

impl Done<'_> {
    /// How many spans it becomes: its own, and one for each statement.
    pub(super) fn spans(&self) -> usize {
        self.noted.steps.len() + 1
    }
}

/// Whether the fault is the service's.
pub(super) fn failed(status: Option<u16>) -> bool {
    status.is_some_and(|status| status >= 500)
}

/// Tells the time of instants: nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    now: Instant,
    nanos: u64,
}

impl Times {
    fn at(now: Instant) -> Self {
        let since = std::time::SystemTime::from(Clock::system().now()).duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { now, nanos: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Of an instant in the past.
    fn of(&self, at: Instant) -> u64 {
        let ago = u64::try_from(self.now.duration_since(at).as_nanos()).unwrap_or(u64::MAX);
        self.nanos.saturating_sub(ago)
    }
}

/// What comes before the spans of a batch: the resource, and how long all of it is.
pub(super) struct Head {
    /// The field of the resource.
    resource: Vec<u8>,
}

impl Head {
    pub(super) fn new(resource: &Resource) -> Self {
        let mut attributes = Vec::new();
        for (key, value) in resource {
            text_attribute(&mut attributes, 1, key.as_str(), &value.as_str());
        }
        let mut field = Vec::new();
        bytes(&mut field, 1, &attributes);
        Self { resource: field }
    }

    /// That of a batch whose spans have this length.
    pub(super) fn of(&self, spans: usize) -> Vec<u8> {
        let scope_spans = field_length(2, spans);
        let mut head = Vec::with_capacity(self.resource.len() + 32);
        key(&mut head, 1, 2);
        varint(&mut head, (self.resource.len() + scope_spans) as u64);
        head.extend_from_slice(&self.resource);
        key(&mut head, 2, 2);
        varint(&mut head, spans as u64);
        head
    }
}

/// Writes the spans of requests.
pub(super) struct Encoder {
    /// Those of the request, as fields.
    spans: Vec<u8>,
    /// The span that is being written.
    span: Vec<u8>,
    times: Times,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { spans: Vec::new(), span: Vec::new(), times: Times::at(Instant::now()) }
    }

    /// The spans of a request that has just ended.
    pub(super) fn write(&mut self, done: &Done<'_>) -> &[u8] {
        self.spans.clear();
        self.times = Times::at(done.ended);
        for step in &done.noted.steps {
            match step.system {
                Some(system) => self.statement(done, step, system),
                None => self.step(done, step),
            }
        }
        self.request(done);
        &self.spans
    }

    /// OpenTelemetry's conventions for database clients: the summary, never the text or the values.
    fn statement(&mut self, done: &Done<'_>, step: &Step, system: &str) {
        self.begin_below(done, step, CLIENT);
        text_attribute(&mut self.span, 9, "db.system.name", system);
        text_attribute(&mut self.span, 9, "db.query.summary", step.name);
        step_attributes(&mut self.span, step);
        self.end(fault(step).is_some(), FLAGS);
    }

    /// What the request waited for in this process.
    fn step(&mut self, done: &Done<'_>, step: &Step) {
        self.begin_below(done, step, INTERNAL);
        step_attributes(&mut self.span, step);
        self.end(fault(step).is_some(), FLAGS);
    }

    fn begin_below(&mut self, done: &Done<'_>, step: &Step, kind: u64) {
        let id = RandomIdGenerator::default().new_span_id();
        let times = (step.began, step.ended.unwrap_or(done.ended));
        self.begin(done.trace, id, Some(done.span), &[step.name], kind, times);
    }

    fn request(&mut self, done: &Done<'_>) {
        let name = [done.asked.method, " ", &done.asked.route];
        self.begin(done.trace, done.span, done.caller, &name, SERVER, (done.began, done.ended));
        request_attributes(&mut self.span, done);
        self.events(done.noted, done.ended);
        self.end(failed(done.status), if done.caller.is_some() { FLAGS | REMOTE_PARENT } else { FLAGS });
    }

    /// The warnings and errors of a request.
    fn events(&mut self, noted: &Noted, ended: Instant) {
        let mut own = Vec::new();
        for event in &noted.events {
            fixed64(&mut own, 1, self.times.of(event.at));
            bytes(&mut own, 2, event.message.as_bytes());
            bytes(&mut self.span, 11, &own);
            own.clear();
        }
        if noted.left_out > 0 {
            fixed64(&mut own, 1, self.times.of(ended));
            bytes(&mut own, 2, b"more than are shown");
            number_attribute(&mut own, 3, "count", noted.left_out);
            bytes(&mut self.span, 11, &own);
        }
    }

    fn begin(
        &mut self,
        trace: TraceId,
        id: SpanId,
        parent: Option<SpanId>,
        name: &[&str],
        kind: u64,
        (began, ended): (Instant, Instant),
    ) {
        let span = &mut self.span;
        span.clear();
        bytes(span, 1, &trace.to_bytes());
        bytes(span, 2, &id.to_bytes());
        if let Some(parent) = parent {
            bytes(span, 4, &parent.to_bytes());
        }
        key(span, 5, 2);
        varint(span, name.iter().map(|part| part.len() as u64).sum());
        for part in name {
            span.extend_from_slice(part.as_bytes());
        }
        number(span, 6, kind);
        fixed64(span, 7, self.times.of(began));
        fixed64(span, 8, self.times.of(ended));
    }

    fn end(&mut self, error: bool, flags: u32) {
        if error {
            let mut status = Vec::new();
            number(&mut status, 3, STATUS_ERROR);
            bytes(&mut self.span, 15, &status);
        }
        key(&mut self.span, 16, 5);
        self.span.extend_from_slice(&flags.to_le_bytes());
        bytes(&mut self.spans, 2, &self.span);
    }
}

/// Why a step did not end well.
fn fault(step: &Step) -> Option<&'static str> {
    step.error.or(step.ended.is_none().then_some("unfinished"))
}

fn step_attributes(span: &mut Vec<u8>, step: &Step) {
    if let Some(error) = fault(step) {
        text_attribute(span, 9, "error.type", error);
    }
}

/// OpenTelemetry's conventions for servers.
fn request_attributes(span: &mut Vec<u8>, done: &Done<'_>) {
    let Asked { method, route, request_id } = done.asked;
    text_attribute(span, 9, "http.request.method", method);
    text_attribute(span, 9, "http.route", route);
    text_attribute(span, 9, "request_id", request_id);
    match done.status {
        Some(status) => {
            number_attribute(span, 9, "http.response.status_code", u32::from(status));
            if failed(done.status) {
                text_attribute(span, 9, "error.type", &status.to_string());
            }
        }
        None => text_attribute(span, 9, "error.type", "aborted"),
    }
}

/// `KeyValue { key, value: AnyValue { string_value } }`.
fn text_attribute(to: &mut Vec<u8>, field: u32, name: &str, value: &str) {
    let any = field_length(1, value.len());
    attribute(to, field, name, any);
    bytes(to, 1, value.as_bytes());
}

/// `KeyValue { key, value: AnyValue { int_value } }`.
fn number_attribute(to: &mut Vec<u8>, field: u32, name: &str, value: u32) {
    attribute(to, field, name, 1 + varint_length(u64::from(value)));
    number(to, 3, u64::from(value));
}

/// All of it but the value, whose length is `any`.
fn attribute(to: &mut Vec<u8>, field: u32, name: &str, any: usize) {
    key(to, field, 2);
    varint(to, (field_length(1, name.len()) + field_length(2, any)) as u64);
    bytes(to, 1, name.as_bytes());
    key(to, 2, 2);
    varint(to, any as u64);
}

fn key(to: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(to, u64::from(field << 3 | wire_type));
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

/// Bytes that [`varint`] writes.
fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes that [`bytes`] writes for so many.
fn field_length(field: u32, length: usize) -> usize {
    varint_length(u64::from(field << 3)) + varint_length(length as u64) + length
}

fn bytes(to: &mut Vec<u8>, field: u32, value: &[u8]) {
    key(to, field, 2);
    varint(to, value.len() as u64);
    to.extend_from_slice(value);
}

fn number(to: &mut Vec<u8>, field: u32, value: u64) {
    key(to, field, 0);
    varint(to, value);
}

fn fixed64(to: &mut Vec<u8>, field: u32, value: u64) {
    key(to, field, 1);
    to.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
#[path = "otlp_tests.rs"]
mod tests;
