//! What every request passes on its way to a slice, outermost first: request id, span, metrics and problems; headers;
//! CORS; compression; load shedding, time-out and panics; identity and limits; the whole body of a write.
//!
//! What is ours of it is two layers, not seven: each layer costs every request a boxed future and a copy of all below.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::bearer::{Authenticate, identify};
use super::client::{self, ClientAddress};
use super::limit::{Limiter, Policy};
use super::{Config, Problem, metrics as names};
use crate::kernel::Ids;
use crate::telemetry::exemplars::Exemplars;
use crate::telemetry::propagation;
use crate::telemetry::trace::{Asked, Trace, Tracer};

/// What the stack shares between requests.
pub struct Shared {
    ids: Ids,
    config: Config,
    authenticate: Arc<dyn Authenticate>,
    limiter: Limiter,
    tracer: Tracer,
    exemplars: Arc<Exemplars>,
    in_flight: Semaphore,
    /// Paths to which whole files are sent.
    files: &'static [&'static str],
    /// Writes that go on though their client has gone: a drain waits for them.
    pub(super) writes: TaskTracker,
}

impl Shared {
    /// For one server.
    pub fn new(
        ids: Ids,
        config: Config,
        authenticate: Arc<dyn Authenticate>,
        limiter: Limiter,
        tracer: Tracer,
        exemplars: Arc<Exemplars>,
        files: &'static [&'static str],
    ) -> Arc<Self> {
        let in_flight = Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS));
        metrics::gauge!(names::MAX_IN_FLIGHT).set(f64::from(u32::try_from(config.max_in_flight).unwrap_or(u32::MAX)));
        Arc::new(Self {
            ids,
            config,
            authenticate,
            limiter,
            tracer,
            exemplars,
            in_flight,
            files,
            writes: TaskTracker::new(),
        })
    }

    /// Waits for the writes whose client has gone, at most until the deadline.
    pub async fn finish_writes(&self, deadline: Duration) -> bool {
        self.writes.close();
        tokio::time::timeout(deadline, self.writes.wait()).await.is_ok()
    }
}

/// Puts the stack on top of the routes.
pub fn stack(routes: Router, shared: &Arc<Shared>) -> Router {
    let config = &shared.config;
    let origins: Vec<HeaderValue> = config.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let compression = CompressionLayer::new()
        .compress_when(DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream")));
    // One service for the router to box and clone at each request, not one for each layer.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Arc::clone(shared), observe))
        .option_layer((!origins.is_empty()).then(|| cors(origins)))
        .layer(compression)
        .layer(from_fn_with_state(Arc::clone(shared), admit));
    routes.fallback(|| async { Problem::not_found() }).layer(layers)
}

fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let exposed =
        ["etag", "idempotency-replayed", "location", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("traceparent"),
        ])
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_mins(10))
}

/// What a panic says may quote what somebody wrote: it is not repeated here. The hook of the process told where it was.
fn panicked() -> Response {
    Problem::internal("a panic").into_response()
}

/// Who asks, and whether they may ask so much.
async fn gate(shared: &Arc<Shared>, mut request: Request, next: Next) -> Response {
    let identity = identify(&shared.authenticate, request.headers()).await;
    let peer = client::peer(request.extensions());
    let address = client::address(request.headers(), peer, &shared.config.trusted_proxies);
    let key = match &identity.0 {
        Some(Ok(actor)) => (Policy::User, actor.user_id.as_u128()),
        _ => (Policy::Address, client::limit_key(address)),
    };
    let decision = shared.limiter.check(&[key]).await;
    let mut response = if let Err(problem) = decision.into_result() {
        problem.into_response()
    } else {
        request.extensions_mut().insert(identity);
        request.extensions_mut().insert(ClientAddress(address));
        finish(shared, request, next).await
    };
    shared.limiter.describe(&decision, &mut response);
    response
}

/// Refuses what is too much, and ends what takes too long; a panic is an answer like another.
async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Ok(_permit) = shared.in_flight.try_acquire() else {
        metrics::counter!(names::SHED).increment(1);
        let detail = "The service is at its limit: try again shortly.";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .retry_after(Duration::from_secs(1))
            .into_response();
    };
    let limit = Duration::from_millis(shared.config.request_timeout_ms);
    let work = AssertUnwindSafe(gate(&shared, request, next)).catch_unwind();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => panicked(),
        Err(_) => {
            let detail = "The request took too long. A change may or may not have been made; an Idempotency-Key makes repeating it safe.";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail).into_response()
        }
    }
}

/// Takes the whole body of a write before its work begins; from then on the work is finished though its client goes
/// away or the time is up.
async fn finish(shared: &Shared, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let limit = Duration::from_millis(shared.config.body_read_timeout_ms);
    let most = if shared.files.contains(&parts.uri.path()) {
        shared.config.file_limit_bytes
    } else {
        shared.config.body_limit_bytes
    };
    let whole = Limited::new(body, most).collect();
    let body = match tokio::time::timeout(limit, whole).await {
        Ok(Ok(whole)) => Body::from(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response();
        }
        Ok(Err(_)) => return Problem::of_status(StatusCode::BAD_REQUEST).into_response(),
        Err(_) => return Problem::of_status(StatusCode::REQUEST_TIMEOUT).into_response(),
    };
    let (answer, answered) = oneshot::channel();
    let work = AssertUnwindSafe(next.run(Request::from_parts(parts, body))).catch_unwind();
    shared.writes.spawn(propagation::carry(async move {
        let response = work.await.unwrap_or_else(|_| panicked());
        if let Err(response) = answer.send(response) {
            unheard(&response);
        }
    }));
    answered.await.unwrap_or_else(|_| Problem::internal("the write was ended").into_response())
}

/// What came of a write that nobody waits for any more: its client has gone, or the time was up.
fn unheard(response: &Response) {
    let status = response.status();
    if !status.is_server_error() {
        return;
    }
    let problem = response.extensions().get::<Problem>();
    let code = problem.map(|problem| problem.code).unwrap_or_default();
    let cause = problem.and_then(|problem| problem.cause.as_deref()).unwrap_or_default();
    tracing::error!(code, status = status.as_u16(), cause, "a write failed that nobody waited for any more");
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// A request id from outside is kept when it is harmless.
fn request_id(request: &Request, ids: &Ids) -> String {
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(harmless).map_or_else(|| ids.uuid().to_string(), str::to_owned)
}

async fn observe(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.extensions().get::<MatchedPath>();
    let asked = Asked {
        method: method_name(request.method()),
        route: path.map_or_else(|| "unmatched".into(), |path| path.as_str().into()),
        request_id: request_id(&request, &shared.ids).into(),
    };
    let instance = request.uri().path().to_owned();
    let trace = shared.tracer.begin(request.headers(), shared.ids.noise());
    let work = async {
        let response = render(next.run(request).await, &instance, &asked.request_id);
        tell(&asked, response.status(), started);
        response
    };
    let work = trace.run(work);
    let (tls, exemplars) = (!shared.config.tls_cert_file.is_empty(), Arc::clone(&shared.exemplars));
    let watch = Watch::start(asked.clone(), started, trace);
    let response = work.await;
    watch.finish(response.status(), &exemplars);
    with_headers(response, &asked.request_id, tls)
}

/// One line for each request, with its trace id: `todo::request=off` in `telemetry.log_filter` leaves them out.
fn tell(asked: &Asked, status: StatusCode, started: Instant) {
    let Asked { method, route, request_id } = asked;
    let (route, request_id) = (&**route, &**request_id);
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::info!(
        target: "todo::request",
        { http.request.method = *method, http.route = route, http.response.status_code = status.as_u16(), duration_ms, request_id },
        "request"
    );
}

/// The line of a request whose client went away before it had an answer.
fn aborted(asked: &Asked, started: Instant) {
    let Asked { method, route, request_id } = asked;
    let (route, request_id) = (&**route, &**request_id);
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::info!(
        target: "todo::request",
        { http.request.method = *method, http.route = route, duration_ms, request_id },
        "request aborted"
    );
}

/// Writes the bodies of problems where there is no stack: on the admin port.
pub async fn problems(State(ids): State<Ids>, request: Request, next: Next) -> Response {
    let (id, instance) = (request_id(&request, &ids), request.uri().path().to_owned());
    render(next.run(request).await, &instance, &id)
}

/// Writes the body of a problem, and makes one of a bare failure that a library answered with.
fn render(mut response: Response, instance: &str, request_id: &str) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_problem(&response) => return response,
        None => Problem::of_status(status),
    };
    let cause = problem.cause.as_deref().unwrap_or_default();
    if status.is_server_error() {
        tracing::error!(code = problem.code, status = status.as_u16(), request_id, cause, "request failed");
    } else {
        tracing::debug!(code = problem.code, status = status.as_u16(), request_id, cause, "request refused");
    }
    let body = problem.body(instance, request_id, propagation::current_trace_id());
    let (mut parts, _) = response.into_parts();
    parts.status = problem.status;
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::from_parts(parts, Body::from(serde_json::to_vec(&body).unwrap_or_default()))
}

/// An answer of another form that is meant as it is: OAuth's errors (RFC 6749 section 5.2).
fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

fn with_headers(mut response: Response, request_id: &str, tls: bool) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    if tls {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Counts the request and ends its trace, also when its client goes away and the future is dropped.
struct Watch {
    asked: Asked,
    started: Instant,
    trace: Trace,
    finished: bool,
}

impl Watch {
    fn start(asked: Asked, started: Instant, trace: Trace) -> Self {
        metrics::gauge!(names::ACTIVE).increment(1.0);
        Self { asked, started, trace, finished: false }
    }

    fn finish(mut self, status: StatusCode, exemplars: &Exemplars) {
        self.finished = true;
        let (status, seconds) = (status.as_u16(), self.started.elapsed().as_secs_f64());
        metrics::histogram!(names::DURATION, &self.asked.labels(status)).record(seconds);
        if let Some(trace_id) = self.trace.end(&self.asked, Some(status)) {
            exemplars.note(&self.asked, status, seconds, trace_id);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        metrics::gauge!(names::ACTIVE).decrement(1.0);
        if !self.finished {
            metrics::counter!(names::ABORTED, "http_route" => self.asked.route.to_string()).increment(1);
            self.trace.scope(|| aborted(&self.asked, self.started));
            self.trace.end(&self.asked, None);
        }
    }
}
