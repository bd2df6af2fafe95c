//! Standard output, written by a thread of its own: what a request logs costs it a copy, not a system call.
//!
//! **What may be lost.** What was logged in the last milliseconds before the process is killed; nothing at a stop. Where
//! nobody reads, the buffer fills up and then whoever logs waits, as for the output itself.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use super::metrics;

/// Bytes that wait to be written, at most.
const ROOM: usize = 4 << 20;
/// While lines come, they are written together every so often.
const GATHER: Duration = Duration::from_millis(5);

/// The buffer. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Stdout(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// It was written.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// The thread sleeps until it is told.
    asleep: bool,
    /// Something is being written.
    writing: bool,
}

impl Stdout {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let stdout = Self::default();
        let shared = Arc::clone(&stdout.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.run())?;
        Ok(stdout)
    }

    /// Waits until everything is written, at most so long.
    fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.0.lock();
        while !state.waiting.is_empty() || state.writing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                state.asleep = true;
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.asleep = false;
            state.writing = true;
            std::mem::swap(&mut state.waiting, &mut lines);
            drop(state);
            let mut stdout = io::stdout().lock();
            let written = stdout.write_all(&lines).and_then(|()| stdout.flush());
            drop(stdout);
            if written.is_err() {
                // Nobody reads any more, or the disk is full: there is nowhere to say so but here.
                ::metrics::counter!(metrics::WRITE_FAILURES).increment(1);
            }
            lines.clear();
            self.lock().writing = false;
            self.emptied.notify_all();
            thread::sleep(GATHER);
        }
    }

    fn take(&self, line: &[u8]) {
        let mut state = self.lock();
        while !state.waiting.is_empty() && state.waiting.len() + line.len() > ROOM {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.extend_from_slice(line);
        if state.asleep {
            state.asleep = false;
            self.filled.notify_one();
        }
    }
}

/// Writes what is left when it is dropped.
pub(super) struct Flushed(pub(super) Stdout);

impl Drop for Flushed {
    fn drop(&mut self) {
        self.0.flush(Duration::from_secs(2));
    }
}

/// A line on its way.
pub(super) struct Line<'a>(&'a Shared);

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.take(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Stdout {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}
