//! The listener: its own accept loop, because axum's has no time-out for the head of a request and no bound on
//! connections.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::head::{Phase, Watched};
use super::tls::Certificate;
use super::{Config, metrics as names};

/// A listener with its limits.
pub struct Server {
    listener: TcpListener,
    protocols: Arc<Protocols>,
    certificate: Option<Certificate>,
    slots: Arc<Semaphore>,
}

/// How connections are spoken with.
struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    head_timeout: Duration,
}

impl Protocols {
    fn new(config: &Config) -> Self {
        let head_timeout = Duration::from_millis(config.header_read_timeout_ms);
        let (mut http1, mut http2) = (http1::Builder::new(), http2::Builder::new(TokioExecutor::new()));
        // hyper's timer runs between two requests too: that is what it is used for; heads have their own (see `head`).
        let idle_timeout = Duration::from_millis(config.idle_timeout_ms);
        http1.timer(TokioTimer::new()).header_read_timeout(idle_timeout.max(head_timeout));
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(256)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        Self { http1, http2, head_timeout }
    }
}

impl Server {
    /// Binds the address; `certificate` turns TLS on.
    pub async fn bind(address: SocketAddr, config: &Config, certificate: Option<Certificate>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let slots = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self { listener, protocols: Arc::new(Protocols::new(config)), certificate, slots })
    }

    /// The address that was bound.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`; then closes the listener, lets requests in flight finish and closes idle connections.
    /// Returns how many connections had to be cut at the deadline.
    pub async fn serve(self, router: Router, stop: CancellationToken, deadline: Duration) -> usize {
        let Self { listener, protocols, certificate, slots } = self;
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        loop {
            // Over the cap the kernel's backlog holds the others: nobody is refused, and memory stays bounded.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors: wait for one instead of spinning.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let (protocols, router, stop) = (Arc::clone(&protocols), router.clone(), stop.clone());
            let connection = Connection { protocols, router, peer, stop };
            let (certificate, cut) = (certificate.clone(), cut.clone());
            connections.spawn(async move {
                let _slot = slot;
                metrics::gauge!(names::CONNECTIONS).increment(1.0);
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = connection.run(stream, certificate) => {}
                }
                metrics::gauge!(names::CONNECTIONS).decrement(1.0);
            });
        }
        drop(listener);
        connections.close();
        if tokio::time::timeout(deadline, connections.wait()).await.is_ok() {
            return 0;
        }
        let left = connections.len();
        cut.cancel();
        connections.wait().await;
        left
    }
}

struct Connection {
    protocols: Arc<Protocols>,
    router: Router,
    peer: SocketAddr,
    stop: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream, certificate: Option<Certificate>) {
        // An answer is small and wanted now.
        let _ = stream.set_nodelay(true);
        // Each way in a box: a plain connection need not hold what one with TLS does, and thousands of them idle.
        let Some(certificate) = certificate else { return Box::pin(self.http(stream)).await };
        let accepted = Box::pin(certificate.acceptor().accept(stream));
        match tokio::time::timeout(self.protocols.head_timeout, accepted).await {
            Ok(Ok(tls)) => Box::pin(self.http(tls)).await,
            _ => metrics::counter!(names::CONNECTION_ERRORS, "stage" => "tls").increment(1),
        }
    }

    async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let phase = Phase::new();
        let overdue = phase.clone().overdue(self.protocols.head_timeout);
        let ended = tokio::select! {
            ended = self.speak(Watched::new(stream, phase.clone()), phase) => ended,
            () = overdue => {
                metrics::counter!(names::CONNECTION_ERRORS, "stage" => "head").increment(1);
                return;
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
            metrics::counter!(names::CONNECTION_ERRORS, "stage" => "http").increment(1);
        }
    }

    /// Speaks what the client speaks, until one of both has said all.
    async fn speak<S>(self, mut stream: Watched<S>, phase: Phase) -> Result<(), Box<dyn Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let is_http2 = tokio::select! {
            is_http2 = stream.is_http2() => is_http2?,
            () = self.stop.cancelled() => return Ok(()),
        };
        Ok(self.conversation(stream, phase, is_http2).await?)
    }

    /// In a box, made outside of what is async: that would keep room for each of the parts as well.
    fn conversation<S>(self, stream: Watched<S>, phase: Phase, is_http2: bool) -> BoxFuture<'static, hyper::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { protocols, router, peer, stop } = self;
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            phase.answering(request.version());
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let (answer, phase) = (router.clone().oneshot(request), phase.clone());
            // In a box, because hyper keeps the room for it as long as the connection is open.
            Box::pin(async move {
                let answer = answer.await;
                phase.answered();
                answer
            })
        });
        let stream = TokioIo::new(stream);
        if is_http2 {
            Box::pin(until_stopped(Box::pin(protocols.http2.serve_connection(stream, service)), stop))
        } else {
            Box::pin(until_stopped(Box::pin(protocols.http1.serve_connection(stream, service)), stop))
        }
    }
}

/// Serves a connection; from `stop` on it takes no new request, and ends with those that it has.
async fn until_stopped<C: GracefulConnection>(
    mut connection: Pin<Box<C>>,
    stop: CancellationToken,
) -> Result<(), C::Error> {
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}
