//! Limits: the generic cell rate algorithm (GCRA), in this process or shared through Redis.
//!
//! **Invariant.** A limit never fails a request by failing itself: without Redis each instance counts for itself, and
//! a metric says so.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use tokio_util::sync::CancellationToken;

use super::limit_redis::Shared;
use super::{LimitsConfig, Problem};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// All requests of a signed-in user.
    User,
    /// All requests of an address without a valid token.
    Address,
    /// Tries to sign in to one account.
    SignInAccount,
    /// Tries to sign in from one address.
    SignInAddress,
}

impl Policy {
    /// The name in headers, metrics and Redis.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Address => "address",
            Self::SignInAccount => "sign-in-account",
            Self::SignInAddress => "sign-in-address",
        }
    }
}

/// A rate and a burst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) per_minute: u32,
    pub(super) burst: u32,
}

impl Budget {
    fn quota(self) -> Quota {
        let nonzero = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Quota::per_minute(nonzero(self.per_minute)).allow_burst(nonzero(self.burst))
    }

    /// Seconds until an empty budget is full again: the window of `RateLimit-Policy`.
    fn window(self) -> u64 {
        u64::from(self.burst) * 60 / u64::from(self.per_minute.max(1)) + 1
    }
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which policy decided: the one that refused, or the one with the least left.
    pub policy: Policy,
    /// Whether the request may go on.
    pub allowed: bool,
    /// How many more may come at once.
    pub remaining: u32,
    /// When refused: until one may come again.
    pub retry_after: Duration,
}

type Local =
    RateLimiter<u128, DefaultKeyedStateStore<u128>, DefaultClock, governor::middleware::StateInformationMiddleware>;

/// Counts requests. Clones share the counts.
#[derive(Clone)]
pub struct Limiter {
    budgets: [Budget; 4],
    local: Arc<[Local; 4]>,
    shared: Option<Arc<Shared>>,
}

impl Limiter {
    /// Counts in this process, and in Redis when it is configured.
    pub fn new(config: &LimitsConfig) -> Result<Self, String> {
        let budgets = [
            Budget { per_minute: config.user_per_minute, burst: config.user_burst },
            Budget { per_minute: config.address_per_minute, burst: config.address_burst },
            Budget { per_minute: config.sign_in_account_per_minute, burst: config.sign_in_account_per_minute },
            Budget { per_minute: config.sign_in_address_per_minute, burst: config.sign_in_address_per_minute },
        ];
        let local =
            budgets.map(|budget| RateLimiter::dashmap(budget.quota()).with_middleware::<StateInformationMiddleware>());
        let shared = Shared::connect(config)?.map(Arc::new);
        Ok(Self { budgets, local: Arc::new(local), shared })
    }

    /// Takes one from each budget in turn; an empty one refuses, and those after it are left alone. (Redis takes from
    /// all or from none.)
    pub async fn check(&self, keys: &[(Policy, u128)]) -> Decision {
        if let Some(shared) = &self.shared {
            let named: Vec<_> = keys.iter().map(|(policy, key)| (*policy, self.budget(*policy), *key)).collect();
            if let Some(decision) = shared.check(&named).await {
                return count(decision);
            }
        }
        count(self.check_local(keys))
    }

    fn budget(&self, policy: Policy) -> Budget {
        self.budgets[policy as usize]
    }

    fn check_local(&self, keys: &[(Policy, u128)]) -> Decision {
        let mut least =
            Decision { policy: Policy::User, allowed: true, remaining: u32::MAX, retry_after: Duration::ZERO };
        for (policy, key) in keys {
            let local = &self.local[*policy as usize];
            match local.check_key(key) {
                Ok(state) if state.remaining_burst_capacity() < least.remaining => {
                    least = Decision { policy: *policy, remaining: state.remaining_burst_capacity(), ..least };
                }
                Ok(_) => {}
                Err(until) => {
                    // The limiter's own: to make a clock asks the processor what it is, which costs more than all the rest.
                    let retry_after = until.wait_time_from(local.clock().now());
                    return Decision { policy: *policy, allowed: false, remaining: 0, retry_after };
                }
            }
        }
        least
    }

    /// Adds `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn describe(&self, decision: &Decision, response: &mut Response) {
        let (name, budget) = (decision.policy.name(), self.budget(decision.policy));
        let policy = format!("\"{name}\";q={};w={}", budget.burst, budget.window());
        let left = budget.burst.saturating_sub(decision.remaining);
        let reset = u64::from(left) * 60 / u64::from(budget.per_minute.max(1)) + u64::from(left > 0);
        let state = format!("\"{name}\";r={};t={reset}", decision.remaining);
        for (header, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(header, value);
            }
        }
    }

    /// Forgets keys that are full again, until told to stop: else every address ever seen would be kept.
    pub async fn run_upkeep(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_secs(30));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => for local in self.local.iter() {
                    local.retain_recent();
                    local.shrink_to_fit();
                },
            }
        }
    }
}

fn count(decision: Decision) -> Decision {
    if !decision.allowed {
        metrics::counter!(super::metrics::LIMITED, "policy" => decision.policy.name()).increment(1);
    }
    decision
}

impl Decision {
    /// 429 when refused.
    pub fn into_result(self) -> Result<(), Problem> {
        if self.allowed {
            return Ok(());
        }
        let seconds = self.retry_after.as_secs_f64().ceil().max(1.0);
        let detail = format!("Too many requests (limit `{}`): try again in {seconds} seconds.", self.policy.name());
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(self.retry_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(redis: &str) -> Limiter {
        Limiter::new(&LimitsConfig {
            user_per_minute: 60,
            user_burst: 3,
            address_per_minute: 60,
            address_burst: 2,
            sign_in_account_per_minute: 1,
            sign_in_address_per_minute: 1,
            redis_url: redis.into(),
            redis_timeout_ms: 50,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn a_budget_is_spent_by_its_own_key_only() {
        let limiter = limiter("");
        for left in [2, 1, 0] {
            let decision = limiter.check(&[(Policy::User, 7)]).await;
            assert_eq!((decision.allowed, decision.remaining), (true, left));
        }
        let refused = limiter.check(&[(Policy::User, 7)]).await;
        assert!(!refused.allowed && refused.retry_after <= Duration::from_secs(1));
        assert!(limiter.check(&[(Policy::User, 8)]).await.allowed);
    }

    #[tokio::test]
    async fn without_redis_the_instance_counts_for_itself() {
        // Nothing listens on port 1.
        let limiter = limiter("redis://127.0.0.1:1");
        assert!(limiter.check(&[(Policy::SignInAccount, 1)]).await.allowed);
        assert!(!limiter.check(&[(Policy::SignInAccount, 1)]).await.allowed);
    }
}
