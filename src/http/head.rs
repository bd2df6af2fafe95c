//! The time that the head of a request may take, apart from the time that a connection may idle between two requests:
//! hyper has one timer for both, and a service that closes idle connections sooner than the proxy in front of it loses
//! requests that were just sent.
//!
//! A connection is in one of three phases. It waits for a request; it receives the head of one, from the first byte
//! (or from the start of the connection) on; or a request is being answered. HTTP/2 interleaves them, so a connection
//! that spoke HTTP/2 once is left to its own keep-alive.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const WAITING: u64 = 0;
const ANSWERING: u64 = u64::MAX;
const EXEMPT: u64 = u64::MAX - 1;

/// The phase of one connection. Clones share it.
#[derive(Clone)]
pub(super) struct Phase {
    started: Instant,
    /// One of the constants above, or milliseconds since `started`, plus one, at which a head began.
    state: Arc<AtomicU64>,
}

impl Phase {
    /// A new connection: the first head is awaited from now on.
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), state: Arc::new(AtomicU64::new(1)) }
    }

    /// The head of a request is complete.
    pub(super) fn answering(&self, version: hyper::Version) {
        let next = if version == hyper::Version::HTTP_2 { EXEMPT } else { ANSWERING };
        self.state.store(next, Ordering::Relaxed);
    }

    /// The request was answered.
    pub(super) fn answered(&self) {
        let _ = self.state.compare_exchange(ANSWERING, WAITING, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn received(&self) {
        let now = self.elapsed() + 1;
        let _ = self.state.compare_exchange(WAITING, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(EXEMPT - 2)
    }

    /// Returns when a head has taken longer than `limit` (noticed at most a quarter of it late).
    pub(super) async fn overdue(&self, limit: Duration) {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(EXEMPT);
        loop {
            let pause = match self.state.load(Ordering::Relaxed) {
                EXEMPT => return std::future::pending().await,
                WAITING | ANSWERING => limit / 4,
                since => match (since - 1 + millis).saturating_sub(self.elapsed()) {
                    0 => return,
                    left => Duration::from_millis(left),
                },
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// A stream that tells its phase of each byte that comes.
pub(super) struct Watched<S> {
    stream: S,
    phase: Phase,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, phase: Phase) -> Self {
        Self { stream, phase }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.phase.received();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
