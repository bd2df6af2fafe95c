"""todo-landing: is the service well, and if not, where does one look next?"""

from __future__ import annotations

from .. import slo
from ..dashboard import Dashboard, Row
from ..expr import J, gauge, increase, lag, quantile, rate, zeroed
from ..links import board, errors, logs, logs_of, runbook, traces
from ..panels import (
    ORANGE,
    RED,
    STATUS_COLORS,
    About,
    Panel,
    Query,
    any_is_bad,
    by_pattern,
    color,
    high,
    low,
    stat,
    steps,
    timeseries,
)
from ..panels import logs as logs_panel

UID = "todo-landing"
DURATION = "http_server_request_duration_seconds"
FIRING = 'ALERTS{alertstate="firing", alertname!="Watchdog"}'


def dashboard() -> Dashboard:
    """The one that is open on the wall."""
    rows = [
        Row("Now", _now()),
        Row("Objectives over 30 days: what was promised and what is left", _objectives()),
        Row("The four golden signals", [_latency(), _traffic(), _errors(), _saturation()]),
        Row("How fast the budgets burn", [_burn(objective) for objective in slo.ALL]),
        Row("Events and the synthetic probe", _events()),
        Row("Log lines", [_log_volume(), _log_lines()]),
    ]
    text = "Is the service well? Golden signals, objectives with their budgets, events, errors. Start here."
    return Dashboard(UID, "todo / Landing", text, rows, extra_tags=("landing", "slo"))


def _now() -> list[Panel]:
    return [
        stat(
            "Instances up",
            "none",
            About(
                "Processes that Prometheus can scrape.",
                "as many as were deployed.",
                "at 0 the service is gone or cannot be reached: look at the supervisor and at the network first.",
            ),
            [Query(gauge("sum", "up"), "up")],
            [runbook("TodoAllInstancesDown"), board("todo-database")],
            w=4,
            thresholds=low(1, 2),
        ),
        stat(
            "Alerts firing",
            "none",
            About(
                "Alerts that fire now, of all jobs, without the watchdog that always fires.",
                "0.",
                "open Alerting and begin with those of severity page; each has a runbook.",
            ),
            [Query(f"count({FIRING}) or vector(0)", "firing")],
            [board("todo-http"), board("todo-events")],
            w=4,
            thresholds=any_is_bad(),
        ),
        *_figures(),
    ]


def _figures() -> list[Panel]:
    return [
        stat(
            "Oldest unpublished event",
            "s",
            About(
                "Age of the oldest event that no broker has acknowledged. The golden signal of events.",
                "0, or a few seconds under load. No value means that the outbox cannot be looked at.",
                "if it rises, Kafka or the relay stands still. Nothing is lost: events wait in the database.",
            ),
            [Query(gauge("max", "outbox_oldest_unpublished_age_seconds"), "age")],
            [runbook("TodoOldestEventTooOld"), board("todo-events")],
            w=6,
            thresholds=high(10, 60),
        ),
        stat(
            "Parked or dead",
            "none",
            About(
                "Users whose events wait for an operator, and dead letters that nobody has decided about.",
                "0.",
                "`todo events status` and `todo dlq list` name them. Mend the cause, then rearm or redrive.",
            ),
            [Query(f"{gauge('max', 'outbox_parked_keys')} + ({_dead_letters()})", "waiting")],
            [runbook("TodoDeadLetters"), board("todo-events")],
            w=5,
            thresholds=any_is_bad(),
        ),
        stat(
            "Version",
            "none",
            About(
                "Versions that run now.",
                "one. Two during a deploy.",
                "two for longer than a deploy takes: the deploy is stuck. Look at its pods.",
            ),
            [Query(f"count by (version) (build_info{{{J}}})", "{{version}}")],
            [board("todo-database")],
            w=5,
            name=True,
        ),
    ]


def _dead_letters() -> str:
    return zeroed(f"sum ({gauge('max', 'dead_letters', 'topic')})")


def _budget(objective: slo.Objective) -> Panel:
    return stat(
        f"{objective.name.capitalize()}: budget left",
        "percentunit",
        About(
            f"What is left of the error budget of 30 days. The objective: {objective.sentence}",
            "above 25 %.",
            "below 25 % make changes smaller; below 0 reliability goes before features, as the budget policy says.",
        ),
        [Query(objective.left(), objective.name, instant=True, needs="rules")],
        [runbook(objective.alert), board("todo-events" if objective is slo.FRESHNESS else "todo-http")],
        thresholds=low(0, 0.25),
        decimals=1,
        spark=False,
    )


def _latency() -> Panel:
    quantiles = [
        Query(quantile(q, DURATION, "", slo.NO_STREAMS), name, exemplar=True)
        for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]
    return timeseries(
        "Latency",
        "s",
        About(
            "Time to answer, over all routes without streams. The diamonds are single requests: click one for its trace.",
            "p99 below 0.2 s, the bound of the objective (dashed).",
            "find the route on the HTTP dashboard, open a slow trace, and see whether it waits for the pool or a statement.",
        ),
        quantiles,
        [runbook(slo.LATENCY.alert), board("todo-http"), board("todo-database"), traces(slow="200ms"), logs("| json")],
        w=6,
        thresholds=steps((None, "green"), (0.2, RED)),
    )


def _traffic() -> Panel:
    counted = f"rate({DURATION}_count{{{J}}}[$__rate_interval])"
    classed = f'label_replace({counted}, "class", "${{1}}xx", "http_response_status_code", "(.)..")'
    return timeseries(
        "Traffic",
        "reqps",
        About(
            "Requests per second, by class of status.",
            "the shape of the same hour yesterday. Some 4xx are always there.",
            "many 4xx: a client is wrong or somebody guesses passwords. A fall to nothing: look at the load balancer.",
        ),
        [Query(f"sum by (class) ({classed})", "{{class}}")],
        [board("todo-http"), traces(), logs("| json")],
        w=6,
        stack=True,
        overrides=STATUS_COLORS,
    )


def _errors() -> Panel:
    failed = zeroed(rate(f"{DURATION}_count", "", 'http_response_status_code=~"5.."'))
    return timeseries(
        "Errors",
        "reqps",
        About(
            "Answers with 5xx, requests refused because too many were in flight, and requests whose client went away.",
            "0. A few aborted requests are people who close a page.",
            "read the error lines below. Refused ones: the service is full, see Saturation.",
        ),
        [
            Query(failed, "5xx"),
            Query(zeroed(rate("http_server_shed_requests_total")), "shed"),
            Query(zeroed(rate("http_server_aborted_requests_total")), "aborted"),
        ],
        [runbook(slo.AVAILABILITY.alert), board("todo-http"), traces("error=true"), errors()],
        w=6,
        overrides=[by_pattern("5xx", color=color(RED)), by_pattern("shed", color=color(ORANGE))],
    )


def _saturation() -> Panel:
    used = f'db_client_connections{{{J}, state="used"}}'
    pool = f"max by (pool) ({used} / ignoring (state) (db_client_connection_max{{{J}}} > 0))"
    in_flight = f"max (http_server_active_requests{{{J}}} / (http_server_max_in_flight_requests{{{J}}} > 0))"
    busy = f"rate(tokio_worker_busy_seconds_total{{{J}}}[$__rate_interval])"
    return timeseries(
        "Saturation",
        "percentunit",
        About(
            "How full the fullest instance is: requests in flight, database pools, the runtime's workers, open files.",
            "below 70 %.",
            "what stays above 90 % is the bottleneck. Add instances, or find what holds it on the next dashboard.",
        ),
        [
            Query(in_flight, "in flight"),
            Query(pool, "pool {{pool}}"),
            Query(f"max ({busy} / (tokio_workers{{{J}}} > 0))", "workers busy"),
            Query(f"max (process_open_fds{{{J}}} / (process_max_fds{{{J}}} > 0))", "open files"),
        ],
        [runbook("TodoPoolSaturated"), board("todo-database"), traces(), logs("| json")],
        w=6,
        thresholds=high(0.7, 0.9),
        top=1,
    )


def _objectives() -> list[Panel]:
    return [panel for objective in slo.ALL for panel in (_indicator(objective), _budget(objective))]


def _indicator(objective: slo.Objective) -> Panel:
    return stat(
        f"{objective.name.capitalize()}: reached",
        "percentunit",
        About(
            f"The share that was good over 30 days. The objective: {objective.sentence}",
            f"at least {objective.target * 100:g} %.",
            "below it the budget is used up: see the burn rate for whether it still goes on.",
        ),
        [Query(objective.good(), objective.name, instant=True, needs="rules")],
        [runbook(objective.alert), board("todo-events" if objective is slo.FRESHNESS else "todo-http")],
        thresholds=low(objective.target, round(objective.target + objective.budget / 4, 6)),
        decimals=3,
        spark=False,
    )


def _burn(objective: slo.Objective) -> Panel:
    windows = ("1h", "6h", "1d", "3d")
    return timeseries(
        f"Burn rate: {objective.name}",
        "none",
        About(
            "How fast the budget is used, over several windows. At 1 it lasts 30 days, at 14.4 two days."
            f" The objective: {objective.sentence}",
            "below 1. Short windows may jump when there is little traffic.",
            "14.4 over 1 h and 5 m, or 6 over 6 h and 30 m, pages; 3 over 1 d and 2 h, or 1 over 3 d and 6 h, is a ticket.",
        ),
        [Query(objective.burn(window), window, needs="rules") for window in windows],
        [
            runbook(objective.alert),
            board("todo-events" if objective is slo.FRESHNESS else "todo-http"),
            traces("error=true" if objective is slo.AVAILABILITY else ""),
            errors(),
        ],
        thresholds=steps((None, "green"), (1, "yellow"), (6, ORANGE), (14.4, RED)),
    )


def _events() -> list[Panel]:
    slowest = zeroed(f"max ({lag('consumer')})")
    delay = zeroed(f"max ({quantile(0.99, 'consumer_effect_delay_seconds', 'consumer')})")
    return [
        timeseries(
            "Events: age and delay",
            "s",
            About(
                "Age of the oldest unpublished event, and the 99th percentile from a change to its acknowledgement and effect.",
                "an age of 0, delays below 1 s.",
                "a high age: the relay or Kafka. A high effect delay alone: a consumer.",
            ),
            [
                Query(gauge("max", "outbox_oldest_unpublished_age_seconds"), "oldest unpublished"),
                Query(quantile(0.99, "outbox_publish_delay_seconds"), "acknowledged, p99", exemplar=True),
                Query(delay, "effect of slowest consumer, p99", exemplar=True),
            ],
            [runbook("TodoOldestEventTooOld"), board("todo-events"), board("todo-kafka"), traces(), errors()],
            thresholds=high(10, 60),
        ),
        timeseries(
            "Events: what waits",
            "none",
            About(
                "Events in the outbox, messages that the slowest consumer has still to read, and retries.",
                "near 0, with short hills under load.",
                "a hill that only grows: compare what is written with what is published on the events dashboard.",
            ),
            [
                Query(gauge("max", "outbox_backlog"), "outbox"),
                Query(slowest, "lag of slowest consumer"),
                Query(zeroed(f"sum ({gauge('max', 'consumer_retries_waiting', 'consumer')})"), "retries"),
            ],
            [runbook("TodoConsumerStuck"), board("todo-events"), logs("| json")],
        ),
        _probe(),
    ]


def _probe() -> Panel:
    runs = zeroed(increase("synthetic_probe_runs_total", "outcome"), "outcome", "no runs")
    return timeseries(
        "Synthetic probe",
        "none",
        About(
            "Runs of the probe: make a task, have its event applied, see it. It is in no objective.",
            "only succeeded, steadily.",
            "failed runs while all else is green: a way of people is broken that no other figure shows. Open its log lines.",
        ),
        [Query(runs, "{{outcome}}")],
        [runbook("TodoSyntheticProbeFailing"), board("todo-events"), logs_of("probe")],
        bars=True,
        stack=True,
        overrides=[by_pattern("failed", color=color(RED)), by_pattern("succeeded", color=color("green"))],
    )


def _log_volume() -> Panel:
    lines = zeroed(rate("log_events_total", "level"), "level")
    return timeseries(
        "Log lines by level",
        "cps",
        About(
            "Log lines per second as the service counts them, also while Loki is away.",
            "INFO follows the traffic; no ERROR.",
            "ERROR lines: read them below. A flood of WARN: a dependency flaps.",
        ),
        [Query(lines, "{{level}}")],
        [runbook("TodoAvailabilityBurn14x"), board("todo-database"), errors()],
        w=24,
        h=6,
        stack=True,
        overrides=[by_pattern("ERROR", color=color(RED)), by_pattern("WARN", color=color(ORANGE))],
    )


def _log_lines() -> Panel:
    expr = '{service_name="todo"} | json | level=~"(?i)(error|warn)"'
    return logs_panel(
        "Errors and warnings",
        About(
            "The newest lines of level error and warn. Open one: its trace_id leads to the trace.",
            "nothing, or single warnings.",
            "follow the trace_id. A line without one comes from a background worker: its target says which.",
        ),
        Query(expr, needs="loki", may_be_empty="shows only errors and warnings: a healthy service has none"),
        [board("todo-http"), runbook("TodoAvailabilityBurn14x"), traces("error=true")],
        h=10,
    )
