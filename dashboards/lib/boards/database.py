"""todo-database: the pools and statements, the runtime, the process, the password hasher, the telemetry itself."""

from __future__ import annotations

from ..dashboard import Dashboard, Row, Variable
from ..expr import buckets, gauge, increase, quantile, rate, ratio, select, zeroed
from ..links import Link, board, board_of_label, errors, logs, runbook, traces
from ..panels import GREEN, ORANGE, RED, About, Panel, Query, by_pattern, color, heatmap, high, steps, table, timeseries
from . import runtime

UID = "todo-database"
OPERATION = "db_client_operation_duration_seconds"
STATEMENT = 'db_query_summary=~"$statement"'


def dashboard() -> Dashboard:
    """What the service stands on."""
    rows = [
        Row("Connection pools: utilisation, saturation, errors", _pools()),
        Row("Statements", _statements()),
        Row("Runtime (tokio)", runtime.tokio()),
        Row("Process", runtime.process()),
        Row("Password hashing (Argon2)", runtime.passwords()),
        Row("The telemetry's own losses", runtime.telemetry()),
    ]
    text = "Connection pools, statements, runtime, process, password hashing, and what the telemetry itself lost."
    query = f'label_values({OPERATION}_count{{job=~"$job", instance=~"$instance"}}, db_query_summary)'
    variables = [Variable("statement", "Statement", query, "The name of the statement in the source.")]
    return Dashboard(
        UID, "todo / Database and runtime", text, rows, variables=variables, extra_tags=("database", "runtime")
    )


def _narrow() -> Link:
    return board_of_label(UID, "db_query_summary", "statement", "Only this statement")


def _pools() -> list[Panel]:
    used = select("db_client_connections", 'state="used"')
    share = f"max by (pool) ({used} / ignoring (state) ({select('db_client_connection_max')} > 0))"
    return [
        timeseries(
            "Utilisation",
            "percentunit",
            About(
                "Share of the connections that are in use, of each pool's fullest instance.",
                "below 70 %.",
                "near 100 %: a slow statement, or too few connections. See the statements by their share of time.",
            ),
            [Query(share, "{{pool}}")],
            [runbook("TodoPoolSaturated"), board("todo-http"), traces(slow="200ms"), logs("| json")],
            w=6,
            top=1,
            thresholds=high(0.7, 0.9),
        ),
        timeseries(
            "Connections",
            "none",
            About(
                "Connections of each pool by state, over all instances, and how many there may be.",
                "some idle ones at all times.",
                "more instances mean more connections: keep the sum below max_connections of PostgreSQL.",
            ),
            [
                Query(gauge("sum", "db_client_connections", "pool, state"), "{{pool}} {{state}}"),
                Query(gauge("sum", "db_client_connection_max", "pool"), "{{pool}} most"),
            ],
            [runbook("TodoPoolSaturated"), board("todo-landing"), logs("| json")],
            w=6,
            overrides=[by_pattern(" most$", color=color(RED), custom__lineStyle={"fill": "dash", "dash": [8, 6]})],
        ),
        *_pool_waits(),
    ]


def _pool_waits() -> list[Panel]:
    timeouts = zeroed(rate("db_client_connection_timeouts_total", "pool"), "pool")
    wait = "db_client_connection_wait_time_seconds"
    return [
        timeseries(
            "Wait for a connection",
            "s",
            About(
                "Median and 99th percentile of the time that a caller waited for a connection: the saturation of the pool.",
                "p99 below 0.01 s.",
                "above 0.1 s requests become slow for this alone. Find the statement that holds connections.",
            ),
            [
                Query(quantile(0.99, wait, "pool"), "{{pool}} p99", exemplar=True),
                Query(quantile(0.5, wait, "pool"), "{{pool}} p50"),
            ],
            [runbook("TodoPoolSaturated"), board("todo-http"), traces(slow="200ms"), logs("| json")],
            w=6,
            thresholds=high(0.05, 0.2),
        ),
        timeseries(
            "Callers that gave up",
            "ops",
            About(
                "Callers per second that gave up waiting for a connection: people get a 503.",
                "0.",
                "is the database up and are its connections used up? Mend that first; then look for slow statements.",
            ),
            [Query(timeouts, "{{pool}}")],
            [runbook("TodoPoolTimeouts"), board("todo-http"), traces("error=true"), errors()],
            w=6,
            thresholds=steps((None, GREEN), (0.01, RED)),
        ),
    ]


def _statements() -> list[Panel]:
    time = rate(f"{OPERATION}_sum", "db_query_summary", STATEMENT)
    slow = quantile(0.99, OPERATION, "db_query_summary", STATEMENT)
    failed = rate("db_client_operation_errors_total", "db_query_summary, error_type", STATEMENT)
    return [
        timeseries(
            "Time spent in statements",
            "none",
            About(
                "The ten statements that use the most time: seconds of execution per second, so 1 keeps one connection busy.",
                "the same order as yesterday.",
                "one that grew: explain it (`EXPLAIN ANALYZE`) with the data of today, and look for a missing index.",
            ),
            [Query(f"topk(10, {time})", "{{db_query_summary}}")],
            [runbook("TodoPoolSaturated"), board("todo-http"), _narrow(), traces(), logs("| json")],
            stack=True,
            decimals=3,
        ),
        timeseries(
            "Slowest statements, p99",
            "s",
            About(
                "The 99th percentile of the ten slowest statements. Click a diamond for the trace that waited for it.",
                "below 0.05 s.",
                "one: its plan or a lock. All: the database's disk or memory, or a vacuum.",
            ),
            [Query(f"topk(10, {slow})", "{{db_query_summary}}", exemplar=True)],
            [runbook("TodoPoolSaturated"), board("todo-http"), _narrow(), traces(slow="200ms"), logs("| json")],
            thresholds=high(0.05, 0.2),
        ),
        timeseries(
            "Statements that failed",
            "ops",
            About(
                "Statements per second that failed, by name and kind of error.",
                "0. Conflicts that are tried again are no errors here.",
                "connection errors: the database or the network. A timeout: a lock. Anything else: the log lines name it.",
            ),
            [Query(zeroed(failed, "db_query_summary"), "{{db_query_summary}} {{error_type}}")],
            [runbook("TodoDatabaseErrors"), board("todo-http"), _narrow(), traces("error=true"), errors()],
            thresholds=steps((None, GREEN), (0.1, ORANGE)),
        ),
        *_statements_whole(),
    ]


def _statements_whole() -> list[Panel]:
    return [
        timeseries(
            "Statements per second",
            "ops",
            About(
                "The ten statements that run most often.",
                "follows the traffic.",
                "one that runs far more often than there are requests: a loop. See the trace of its route.",
            ),
            [Query(f"topk(10, {rate(f'{OPERATION}_count', 'db_query_summary', STATEMENT)})", "{{db_query_summary}}")],
            [board("todo-http"), _narrow(), traces(), logs("| json")],
        ),
        heatmap(
            "Statements by duration",
            "s",
            About(
                "How many statements took how long.",
                "nearly all below 0.01 s.",
                "a second band: locks, a plan that changed, or a cold cache. Choose a statement above to see it alone.",
            ),
            Query(buckets(OPERATION, STATEMENT)),
            [runbook("TodoPoolSaturated"), board("todo-http"), traces(slow="200ms")],
            w=16,
        ),
        _table(),
    ]


def _table() -> Panel:
    window = "$__range"
    count = increase(f"{OPERATION}_count", "db_query_summary", STATEMENT, window)
    time = increase(f"{OPERATION}_sum", "db_query_summary", STATEMENT, window)
    failed = increase("db_client_operation_errors_total", "db_query_summary", STATEMENT, window)
    columns = [
        ("Time", "s", Query(time)),
        ("Calls", "short", Query(count)),
        ("Mean", "s", Query(ratio(time, count))),
        ("p99", "s", Query(quantile(0.99, OPERATION, "db_query_summary", STATEMENT, window))),
        ("Errors", "short", Query(f"{failed} or 0 * {count}")),
    ]
    return table(
        "All statements in the time that is shown",
        About(
            "Every statement with its whole time, number of calls, mean, 99th percentile and errors.",
            "the first five use most of the time, and each call is short.",
            "what is high in Time is worth a look first, whether it is slow or only frequent.",
        ),
        columns,
        [runbook("TodoPoolSaturated"), board("todo-http")],
        label="db_query_summary",
        label_title="Statement",
        sort="Time",
        h=10,
        thresholds={"p99": high(0.05, 0.2), "Errors": high(1, 10)},
        label_links=[
            Link("Only this statement", f"/d/{UID}?var-statement=${{__value.raw:percentencode}}&${{__url_time_range}}")
        ],
    )
