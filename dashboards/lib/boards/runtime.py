"""The lower half of todo-database: runtime, process, password hashing, and the telemetry itself."""

from __future__ import annotations

from ..expr import INTERVAL, buckets, gauge, quantile, rate, select, zeroed
from ..links import board, errors, logs, runbook, traces
from ..panels import (
    GREEN,
    ORANGE,
    RED,
    About,
    Panel,
    Query,
    by_pattern,
    color,
    heatmap,
    high,
    low,
    stat,
    steps,
    timeseries,
)


def tokio() -> list[Panel]:
    """USE of the runtime."""
    busy = f"rate({select('tokio_worker_busy_seconds_total')}[{INTERVAL}])"
    return [
        timeseries(
            "Workers busy",
            "percentunit",
            About(
                "Share of time in which the workers of the runtime ran something, by instance.",
                "below 70 %.",
                "near 100 %: the processor is the bottleneck, or something blocks a worker. Add instances.",
            ),
            [Query(f"max by (instance) ({busy} / ({select('tokio_workers')} > 0))", "{{instance}}")],
            [runbook("TodoRuntimeBusy"), board("todo-landing"), traces(slow="200ms"), logs("| json")],
            top=1,
            thresholds=high(0.7, 0.9),
        ),
        timeseries(
            "Tasks alive",
            "none",
            About(
                "Tasks of the runtime that have not ended, by instance: connections, streams, workers.",
                "follows the open connections.",
                "growing while connections do not: tasks leak. Compare with the version before.",
            ),
            [Query(gauge("sum", "tokio_alive_tasks", "instance"), "{{instance}}")],
            [runbook("TodoRuntimeBusy"), board("todo-http"), logs("| json")],
        ),
        timeseries(
            "Tasks that wait for a worker",
            "none",
            About(
                "Depth of the runtime's global queue, by instance: its saturation.",
                "near 0.",
                "high: all workers are busy, see there.",
            ),
            [Query(gauge("max", "tokio_global_queue_depth", "instance"), "{{instance}}")],
            [runbook("TodoRuntimeBusy"), board("todo-http"), traces(slow="200ms"), logs("| json")],
            thresholds=high(100, 1000),
        ),
    ]


def process() -> list[Panel]:
    """What the operating system sees."""
    return [
        timeseries(
            "Processor",
            "none",
            About(
                "Processors that each instance uses: 1 is one of them.",
                "below what the instance has.",
                "at its limit: add instances. High without traffic: take a profile.",
            ),
            [Query(rate("process_cpu_seconds_total", "instance"), "{{instance}}")],
            [runbook("TodoRuntimeBusy"), board("todo-landing"), logs("| json")],
            w=6,
            decimals=2,
        ),
        timeseries(
            "Memory",
            "bytes",
            About(
                "Memory of each instance that is in use (resident), and the most that any has reserved (virtual).",
                "flat after the first hour.",
                "rising for days: a leak. The container is killed at its limit, and nothing is lost.",
            ),
            [
                Query(gauge("sum", "process_resident_memory_bytes", "instance"), "{{instance}}"),
                Query(gauge("max", "process_virtual_memory_bytes"), "reserved"),
            ],
            [runbook("TodoMemoryHigh"), board("todo-landing"), logs("| json")],
            w=6,
            overrides=[by_pattern("^reserved$", custom__axisPlacement="right")],
        ),
        *_handles(),
    ]


def _handles() -> list[Panel]:
    return [
        timeseries(
            "Open files",
            "none",
            About(
                "Open file descriptors of each instance, and the least limit of all.",
                "a little more than the open connections.",
                "near the limit: raise it. Growing alone: descriptors leak.",
            ),
            [
                Query(gauge("max", "process_open_fds", "instance"), "{{instance}}"),
                Query(gauge("min", "process_max_fds"), "limit"),
            ],
            [runbook("TodoFileDescriptorsHigh"), board("todo-http"), logs("| json")],
            w=6,
            overrides=[by_pattern("^limit$", color=color(RED), custom__lineStyle={"fill": "dash", "dash": [8, 6]})],
        ),
        timeseries(
            "Threads",
            "none",
            About(
                "Threads of each instance: the runtime's workers, those for blocking work, those of Kafka's client.",
                "constant after the start.",
                "growing: blocking work piles up, often the password hasher or a slow disk.",
            ),
            [Query(gauge("sum", "process_threads", "instance"), "{{instance}}")],
            [runbook("TodoRuntimeBusy"), board("todo-landing"), logs("| json")],
            w=6,
        ),
        *_since(),
    ]


def _since() -> list[Panel]:
    return [
        stat(
            "Runs since",
            "dtdurations",
            About(
                "Time since each instance started.",
                "since the last deploy.",
                "shorter for one: it was killed or ended itself. Its last log lines say why.",
            ),
            [Query(f"time() - max by (instance) ({select('process_start_time_seconds')})", "{{instance}}")],
            [runbook("TodoRestarting"), board("todo-landing")],
            w=12,
            thresholds=low(60, 600),
            spark=False,
        ),
        stat(
            "Versions",
            "none",
            About(
                "Instances by the version that they run.",
                "one version.",
                "two for longer than a deploy takes: it is stuck.",
            ),
            [Query(f"count by (version) ({select('build_info')})", "{{version}}")],
            [runbook("TodoVersionsMixed"), board("todo-landing")],
            w=12,
        ),
    ]


def passwords() -> list[Panel]:
    """Argon2 takes a processor for a while: it has a queue of its own."""
    duration = "password_hash_duration_seconds"
    return [
        timeseries(
            "Time to hash, with the wait",
            "s",
            About(
                "Median and 99th percentile of the time to hash or verify a password, the wait for a thread included.",
                "near the cost that was chosen, below 0.5 s.",
                "longer: people wait to sign in. The queue shows whether many do so at once.",
            ),
            [Query(quantile(q, duration), name, exemplar=True) for q, name in ((0.5, "p50"), (0.99, "p99"))],
            [runbook("TodoPasswordHashRefusing"), board("todo-http"), traces(slow="200ms"), logs("| json")],
            w=6,
            thresholds=high(0.5, 1),
        ),
        heatmap(
            "Hashes by duration",
            "s",
            About(
                "How many hashes took how long.",
                "one narrow band.",
                "a wide one: callers wait for a thread. Many sign-ins at once, or a small machine.",
            ),
            Query(buckets(duration)),
            [runbook("TodoPasswordHashRefusing"), board("todo-http"), traces(slow="200ms")],
            w=6,
        ),
        timeseries(
            "Queue",
            "none",
            About(
                "Callers that wait for the hasher or use it, by instance.",
                "0 to 2.",
                "a queue that stays: somebody tries many passwords, see sign-ins and limits on the HTTP dashboard.",
            ),
            [Query(gauge("max", "password_hash_queue", "instance"), "{{instance}}")],
            [runbook("TodoPasswordHashRefusing"), board("todo-http"), logs("| json")],
            w=6,
        ),
        timeseries(
            "Sent away",
            "ops",
            About(
                "Callers per second that got 503 because the hasher's queue is full.",
                "0.",
                "people cannot sign in. Add instances; if it is an attack, lower the limits for addresses.",
            ),
            [Query(zeroed(rate("password_hash_refused_total")), "sent away")],
            [runbook("TodoPasswordHashRefusing"), board("todo-http"), traces("error=true"), errors()],
            w=6,
            thresholds=steps((None, GREEN), (0.01, RED)),
        ),
    ]


def telemetry() -> list[Panel]:
    """What of the traces, log lines and metrics does not arrive."""
    return [
        timeseries(
            "Spans",
            "ops",
            About(
                "Spans per second by outcome: exported, failed (the collector refused), dropped (the queue was full).",
                "only exported.",
                "traces have holes meanwhile, requests do not notice. Look at the collector.",
            ),
            [Query(zeroed(rate("telemetry_spans_total", "outcome"), "outcome"), "{{outcome}}")],
            [runbook("TodoSpansDropped"), board("todo-landing"), traces(), errors()],
            w=6,
            stack=True,
            overrides=[by_pattern("failed|dropped", color=color(RED)), by_pattern("exported", color=color(GREEN))],
        ),
        timeseries(
            "Log lines: written and held back",
            "cps",
            About(
                "Log lines per second by level, repeats that were held back, and writes to standard output that failed.",
                "few per second; none held back, none failed.",
                "many held back: the same line again and again. The first of them was written: read it.",
            ),
            [
                Query(zeroed(rate("log_events_total", "level"), "level"), "{{level}}"),
                Query(zeroed(rate("telemetry_log_lines_suppressed_total")), "held back"),
                Query(zeroed(rate("log_write_failures_total")), "failed writes"),
            ],
            [runbook("TodoLogsSuppressed"), board("todo-landing"), errors()],
            w=6,
            overrides=[by_pattern("ERROR|failed", color=color(RED)), by_pattern("WARN|held", color=color(ORANGE))],
        ),
        *_shipping(),
    ]


def _shipping() -> list[Panel]:
    shipper_down = f"count({select('loki_shipper_up')}) - {gauge('sum', 'loki_shipper_up')}"
    return [
        timeseries(
            "Copy to Loki",
            "none",
            About(
                "Of the copy to Loki: failures and left-out lines (beyond 1,000) per second, and instances that gave it up.",
                "0.",
                "standard output has every line all the same. Mend Loki: the copy goes on by itself.",
            ),
            [
                Query(zeroed(rate("loki_shipper_errors_total")), "failures/s"),
                Query(zeroed(rate("loki_shipper_dropped_lines_total")), "left out/s"),
                Query(shipper_down, "instances that gave up", needs="loki"),
            ],
            [runbook("TodoLokiShipperDown"), board("todo-landing")],
            w=6,
            thresholds=steps((None, GREEN), (1, RED)),
        ),
        timeseries(
            "Time to render the metrics",
            "s",
            About(
                "Median and 99th percentile of the time that the service takes to answer /metrics.",
                "below 0.05 s.",
                "growing: the number of series grows. See the samples beside it.",
            ),
            [
                Query(quantile(q, "telemetry_scrape_duration_seconds"), name)
                for q, name in ((0.5, "p50"), (0.99, "p99"))
            ],
            [runbook("TodoMetricsSlow"), board("todo-landing"), logs("| json")],
            w=6,
            thresholds=high(0.1, 1),
        ),
        *_arrived(),
    ]


def _arrived() -> list[Panel]:
    lines = '{service_name="todo"}'
    return [
        timeseries(
            "Samples of a scrape",
            "short",
            About(
                "Samples that Prometheus reads from each instance at a scrape.",
                "some thousands, constant after the first hour.",
                "growing for days: a label holds something without bounds. Count the series by name to find it.",
            ),
            [Query(gauge("max", "scrape_samples_scraped", "instance"), "{{instance}}")],
            [runbook("TodoMetricsSlow"), board("todo-landing")],
            w=12,
            h=6,
        ),
        timeseries(
            "Log lines that arrived in Loki",
            "short",
            About(
                "Log lines of the service that are in Loki, by level.",
                "the same shape as the lines that were written, above.",
                "fewer than were written: lines are lost on the way. See the copy to Loki, or the collector of the logs.",
            ),
            [Query(f"sum by (level) (count_over_time({lines}[$__auto]))", "{{level}}", source="loki", needs="loki")],
            [runbook("TodoLokiShipperErrors"), board("todo-landing"), logs()],
            w=12,
            h=6,
            bars=True,
            stack=True,
        ),
    ]
