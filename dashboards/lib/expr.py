"""PromQL that is used again and again.

Three idioms keep a panel honest:

- Each selector is narrowed by `job` and `instance`.
- A counter with labels exists only after its first increment. `zeroed` draws 0 instead of nothing, but only while the
  service is scraped: the 0 is made of `build_info`, so when the service is gone the line is gone too.
- A quantile of no observations is NaN. `quantile` drops it: a gap says "nothing happened" better than a NaN does.
"""

from __future__ import annotations

J = 'job=~"$job", instance=~"$instance"'
INTERVAL = "$__rate_interval"

# 0 for as long as at least one instance is scraped, else nothing.
ZERO = "0 * max(build_info{" + J + "})"


def select(metric: str, extra: str = "") -> str:
    """A selector of the chosen job and instances."""
    return f"{metric}{{{J}, {extra}}}" if extra else f"{metric}{{{J}}}"


def by(labels: str) -> str:
    """The grouping of an aggregation, nothing without labels."""
    return f" by ({labels})" if labels else ""


def gauge(function: str, metric: str, labels: str = "", extra: str = "") -> str:
    """A gauge over all instances: `sum`, `max` or `min` of it."""
    return f"{function}{by(labels)} ({select(metric, extra)})"


def lag(labels: str) -> str:
    """Messages that wait for consumers. Each member tells of its own partitions, NaN where its client does not know."""
    return f"sum{by(labels)} ({select('consumer_lag_messages')} >= 0)"


def rate(metric: str, labels: str = "", extra: str = "") -> str:
    """A counter per second, over all instances."""
    return f"sum{by(labels)} (rate({select(metric, extra)}[{INTERVAL}]))"


def increase(metric: str, labels: str = "", extra: str = "", window: str = INTERVAL) -> str:
    """How often something happened in the window."""
    return f"sum{by(labels)} (increase({select(metric, extra)}[{window}]))"


def zeroed(expr: str, label: str = "", value: str = "none") -> str:
    """The expression, or 0 where it has no series and the service is scraped. The 0 gets the label that the legend shows."""
    if not label:
        return f"({expr}) or on () {ZERO}"
    return f'({expr}) or on () label_replace({ZERO}, "{label}", "{value}", "", "")'


def ratio(part: str, whole: str) -> str:
    """A share; a gap while the whole is 0."""
    return f"({part}) / ({whole} > 0)"


def quantile(q: float, metric: str, labels: str = "", extra: str = "", window: str = INTERVAL) -> str:
    """A quantile of a histogram; a gap while nothing is observed."""
    groups = f"le, {labels}" if labels else "le"
    function = "rate" if window == INTERVAL else "increase"
    buckets = f"sum by ({groups}) ({function}({select(metric + '_bucket', extra)}[{window}]))"
    return f"histogram_quantile({q}, {buckets}) >= 0"


def buckets(metric: str, extra: str = "") -> str:
    """The buckets of a histogram, for a heatmap."""
    return f"sum by (le) (increase({select(metric + '_bucket', extra)}[{INTERVAL}]))"


def mean(metric: str, labels: str = "", extra: str = "") -> str:
    """The mean of a histogram; a gap while nothing is observed."""
    return ratio(rate(f"{metric}_sum", labels, extra), rate(f"{metric}_count", labels, extra))


def age(metric: str, labels: str = "", extra: str = "", of: str = "max") -> str:
    """Seconds since the newest of these timestamps; with `of="min"` since the oldest, where each instance must keep up."""
    return f"time() - {of}{by(labels)} ({select(metric, extra)})"
