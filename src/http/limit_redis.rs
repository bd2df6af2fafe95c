//! Limits that all instances share: GCRA in one script, one round trip a request.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::{Config, Pool, Runtime};
use redis::Script;
use secrecy::ExposeSecret as _;

use super::LimitsConfig;
use super::limit::{Budget, Decision, Policy};

/// Takes one from every key, or from none. The clock is Redis's own. Returns the index of the deciding key, whether
/// it is allowed, what is left, and the wait in microseconds.
const GCRA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fresh, index, remaining = {}, 1, nil
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = math.max(tonumber(redis.call('GET', key) or now), now) + interval
  local ahead = tat - now - interval * burst
  if ahead > 0 then return { i, 0, 0, ahead } end
  local left = math.floor(-ahead / interval)
  if not remaining or left < remaining then index, remaining = i, left end
  fresh[i] = tat
end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', fresh[i]), 'PX', math.ceil((fresh[i] - now) / 1000) + 1)
end
return { index, 1, remaining, 0 }
";

/// After a failure Redis is left alone for so long: a request must not pay for its time-out each time.
const PAUSE: Duration = Duration::from_secs(1);

/// The shared counts.
pub(super) struct Shared {
    pool: Pool,
    script: Script,
    timeout: Duration,
    started: Instant,
    /// Milliseconds since `started` until which Redis is left alone.
    paused_until: AtomicI64,
}

impl Shared {
    pub(super) fn connect(config: &LimitsConfig) -> Result<Option<Self>, String> {
        let url = config.redis_url.expose_secret();
        if url.is_empty() {
            return Ok(None);
        }
        let timeout = Duration::from_millis(config.redis_timeout_ms);
        let pool = Config::from_url(url)
            .builder()
            .map_err(|error| format!("limits.redis_url: {error}"))?
            .max_size(16)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| format!("limits.redis_url: {error}"))?;
        metrics::gauge!(super::metrics::REDIS_UP).set(1.0);
        // There from the start: what an alert sees grow must not begin with its first growth.
        metrics::counter!(super::metrics::FALLBACK).increment(0);
        let (script, started) = (Script::new(GCRA), Instant::now());
        Ok(Some(Self { pool, script, timeout, started, paused_until: AtomicI64::new(0) }))
    }

    /// `None` when Redis cannot answer now.
    pub(super) async fn check(&self, keys: &[(Policy, Budget, u128)]) -> Option<Decision> {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        if elapsed < self.paused_until.load(Ordering::Relaxed) {
            metrics::counter!(super::metrics::FALLBACK).increment(1);
            return None;
        }
        let answer = tokio::time::timeout(self.timeout, self.ask(keys)).await;
        if let Ok(Ok((index, allowed, remaining, wait))) = answer {
            metrics::gauge!(super::metrics::REDIS_UP).set(1.0);
            let policy = keys.get(index.saturating_sub(1))?.0;
            return Some(Decision {
                policy,
                allowed: allowed == 1,
                remaining,
                retry_after: Duration::from_micros(wait),
            });
        }
        let pause = i64::try_from(PAUSE.as_millis()).unwrap_or_default();
        if self.paused_until.swap(elapsed + pause, Ordering::Relaxed) == 0 {
            tracing::warn!("Redis cannot be reached: this instance counts its limits for itself");
        }
        metrics::gauge!(super::metrics::REDIS_UP).set(0.0);
        metrics::counter!(super::metrics::FALLBACK).increment(1);
        None
    }

    async fn ask(&self, keys: &[(Policy, Budget, u128)]) -> Result<(usize, u8, u32, u64), String> {
        let mut connection = self.pool.get().await.map_err(|error| error.to_string())?;
        let mut call = self.script.prepare_invoke();
        for (policy, budget, key) in keys {
            let interval = 60_000_000 / u64::from(budget.per_minute.max(1));
            call.key(format!("todo:limit:{}:{key:032x}", policy.name())).arg(interval).arg(budget.burst);
        }
        call.invoke_async(&mut *connection).await.map_err(|error| error.to_string())
    }
}
