//! The time that the head of a request may take, apart from the time that a connection may idle between two requests:
//! hyper has one timer for both, and a service that closes idle connections sooner than the proxy in front of it loses
//! requests that were just sent.
//!
//! A connection is in one of three phases. It waits for a request; it receives the head of one, from the first byte
//! (or from the start of the connection) on; or a request is being answered. HTTP/2 interleaves them, so a connection
//! that spoke HTTP/2 once is left to its own keep-alive. Which of both it speaks, its first bytes say: hyper-util can tell
//! too, but keeps the state of either for each connection, which is that of HTTP/2.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// With this a client begins that speaks HTTP/2 (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
    pub(super) async fn overdue(self, limit: Duration) {
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
    /// What was read to see what it is, and is to be read again.
    ahead: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    pub(super) fn new(stream: S, phase: Phase) -> Self {
        Self { stream, phase, ahead: Vec::new() }
    }

    /// Whether it begins as HTTP/2 does: waits for as many bytes as that takes to see.
    pub(super) async fn is_http2(&mut self) -> io::Result<bool> {
        let mut bytes = [0; PREFACE.len()];
        while self.ahead.len() < PREFACE.len() {
            let wanted = PREFACE.len() - self.ahead.len();
            let read = self.stream.read(&mut bytes[..wanted]).await?;
            self.ahead.extend_from_slice(&bytes[..read]);
            if read == 0 || !PREFACE.starts_with(&self.ahead) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let some = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..some]);
        self.ahead.drain(..some);
        // With what follows, in one: hyper doubles its buffer for a head that comes in two pieces, and keeps it so.
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.phase.received();
        }
        if some > 0 && polled.is_pending() { Poll::Ready(Ok(())) } else { polled }
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
