use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use super::*;
use crate::kernel::Noted;
use crate::telemetry::trace::Asked;

/// A collector that takes its time, is busy at first, and refuses one span of each call.
#[derive(Clone, Default)]
struct Slow {
    arrived: Arc<AtomicUsize>,
    busy: Arc<AtomicUsize>,
    slowness: Duration,
}

#[tonic::async_trait]
impl TraceService for Slow {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        tokio::time::sleep(self.slowness).await;
        if self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(Status::unavailable("try again"));
        }
        let scopes = request.get_ref().resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        self.arrived.fetch_add(scopes.map(|scope| scope.spans.len()).sum(), Ordering::SeqCst);
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "one is bad".to_owned() };
        Ok(Response::new(ExportTraceServiceResponse { partial_success: Some(partial) }))
    }
}

async fn endpoint(slow: &Slow) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let service = TraceServiceServer::new(slow.clone()).accept_compressed(CompressionEncoding::Gzip);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    endpoint.timeout(Duration::from_secs(10))
}

fn requests(endpoint: &Endpoint) -> Requests {
    let collector = Collector::new(endpoint.connect_lazy(), Some(CompressionEncoding::Gzip));
    Requests::start(collector, &Resource::builder_empty().build()).unwrap()
}

/// A request that has ended is given to this.
fn done<T>(to: impl FnOnce(&Done<'_>) -> T) -> T {
    let (asked, noted) = (Asked { method: "GET", route: "/x".into(), request_id: "r1".into() }, Noted::default());
    let (trace, span, now) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), Instant::now());
    to(&Done { trace, span, caller: None, began: now, ended: now, asked: &asked, status: Some(200), noted: &noted })
}

async fn shutdown(requests: Requests, limit: Duration) -> bool {
    tokio::task::spawn_blocking(move || requests.shutdown(limit)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_room_is_dropped_and_the_rest_arrives() {
    let slow = Slow { slowness: Duration::from_millis(200), ..Slow::default() };
    let requests = requests(&endpoint(&slow).await);
    for _ in 0..30_000 {
        done(|done| requests.put(done));
    }
    assert!(requests.0.lock().spans <= QUEUE);
    assert!(shutdown(requests.clone(), Duration::from_secs(30)).await);
    let arrived = slow.arrived.load(Ordering::SeqCst);
    assert!((QUEUE..30_000).contains(&arrived), "{arrived}");
    assert_eq!(requests.0.lock().spans, 0, "each is out of the count");
    done(|done| requests.put(done));
    assert!(requests.0.lock().batches.is_empty(), "it was closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_batch_goes_soon_and_a_busy_collector_is_asked_again() {
    let slow = Slow { busy: Arc::new(AtomicUsize::new(2)), ..Slow::default() };
    let requests = requests(&endpoint(&slow).await);
    done(|done| requests.put(done));
    let began = Instant::now();
    while slow.arrived.load(Ordering::SeqCst) == 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() > DELAY / 2);
    assert!(shutdown(requests, Duration::from_secs(20)).await);
    assert_eq!(slow.arrived.load(Ordering::SeqCst), 1, "not twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_span_is_told_and_nobody_waits_longer_than_the_limit() {
    let slow = Slow { slowness: Duration::from_secs(1), ..Slow::default() };
    let endpoint = endpoint(&slow).await;
    let mut collector = Collector::new(endpoint.connect_lazy(), None);
    let spans = done(|done| Encoder::new().write(done).to_vec());
    let head = Head::new(&Resource::builder_empty().build()).of(spans.len());
    assert_eq!(collector.export(head, spans).await.unwrap(), 1);
    let requests = requests(&endpoint);
    done(|done| requests.put(done));
    assert!(!shutdown(requests, Duration::from_millis(50)).await);
    // Nobody is there.
    let gone = Endpoint::from_static("http://127.0.0.1:9").timeout(Duration::from_secs(1));
    assert!(Collector::new(gone.connect_lazy(), None).export(Vec::new(), Vec::new()).await.is_err());
}
