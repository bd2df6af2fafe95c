//! The one source of ids and of randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Clock;

/// Makes ids and secrets: from the system's generator, or from a seed that makes a test repeatable.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    seed: Option<Arc<AtomicU64>>,
}

impl Ids {
    /// Cryptographically secure randomness; the time of an id is `clock`'s.
    pub fn system(clock: Clock) -> Self {
        Self { clock, seed: None }
    }

    /// The same ids in the same order at every run: for tests only, never for secrets that guard anything.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self { clock, seed: Some(Arc::new(AtomicU64::new(seed))) }
    }

    /// A UUID version 7 (RFC 9562): sorts by creation time, the rest is random.
    pub fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.noise::<10>()).into_uuid()
    }

    /// `N` random bytes for what is no secret, such as an id: from a generator of the thread's own, which costs a
    /// request a fiftieth of what the secure one does.
    pub fn noise<const N: usize>(&self) -> [u8; N] {
        match &self.seed {
            Some(_) => self.bytes(),
            None => thread_random(),
        }
    }

    /// A secret of 256 bits in base64url without padding: 43 characters.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// `N` random bytes, fit for a secret.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        match &self.seed {
            Some(state) => {
                for byte in &mut out {
                    *byte = split_mix(state.fetch_add(1, Ordering::SeqCst));
                }
            }
            None => fill(&mut out),
        }
        out
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks a generator of the process")]
fn thread_random<const N: usize>() -> [u8; N] {
    rand::random()
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
#[expect(clippy::expect_used, reason = "without randomness no secret is safe: stop rather than go on")]
fn fill(out: &mut [u8]) {
    aws_lc_rs::rand::fill(out).expect("the operating system gives random bytes");
}

fn split_mix(n: u64) -> u8 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_seven_and_sort_by_time() {
        let clock = Clock::fixed(chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let ids = Ids::system(clock.clone());
        let first = ids.uuid();
        clock.advance(chrono::TimeDelta::milliseconds(1));
        let second = ids.uuid();
        assert_eq!(first.get_version_num(), 7);
        assert!(first < second);
    }

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let clock = Clock::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap());
        assert_eq!(Ids::seeded(clock.clone(), 7).token(), Ids::seeded(clock.clone(), 7).token());
        assert_ne!(Ids::system(clock.clone()).token(), Ids::system(clock).token());
    }
}
