//! How long to wait before the next try.

use std::time::Duration;

/// Exponential backoff with a ceiling and full jitter: the wait is drawn between half and all of the step, so that
/// many clients of one failed server do not return together.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    ceiling: Duration,
    attempt: u32,
}

impl Backoff {
    /// Starts at `first`, doubles at each failure, never above `ceiling`.
    pub fn new(first: Duration, ceiling: Duration) -> Self {
        Self { first, ceiling, attempt: 0 }
    }

    /// The wait after one more failure. `jitter` is a random byte.
    pub fn next(&mut self, jitter: u8) -> Duration {
        let step = self.first.saturating_mul(1 << self.attempt.min(16)).min(self.ceiling);
        self.attempt = self.attempt.saturating_add(1);
        step / 2 + (step / 2).mul_f64(f64::from(jitter) / 255.0)
    }

    /// After a success the next failure starts from the first step again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_ceiling_and_starts_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let waits: Vec<_> = (0..4).map(|_| backoff.next(255).as_millis()).collect();
        assert_eq!(waits, [100, 200, 350, 350]);
        assert_eq!(backoff.next(0).as_millis(), 175);
        backoff.reset();
        assert_eq!(backoff.next(255).as_millis(), 100);
    }
}
