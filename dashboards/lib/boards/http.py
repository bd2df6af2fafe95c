"""todo-http: rate, errors and duration of each route; what is refused and why; who signs in."""

from __future__ import annotations

from .. import slo
from ..dashboard import Dashboard, Row, Variable
from ..expr import buckets, gauge, increase, quantile, rate, ratio, zeroed
from ..links import Link, board, board_of_label, errors, logs, runbook, trace_of_row, traces
from ..panels import (
    GREEN,
    RED,
    STATUS_COLORS,
    About,
    Panel,
    Query,
    by_pattern,
    color,
    heatmap,
    high,
    log_table,
    low,
    steps,
    table,
    timeseries,
)
from ..panels import logs as logs_panel
from . import access

UID = "todo-http"
DURATION = "http_server_request_duration_seconds"
ROUTE = 'http_route=~"$route"'
SHORT = f"{ROUTE}, {slo.NO_STREAMS}"
FAILED = 'http_response_status_code=~"5.."'


def dashboard() -> Dashboard:
    """The API by route."""
    rows = [
        Row(
            "Rate, errors, duration of each route",
            [_by_route("Rate"), _by_route("Errors"), _by_route("p99"), _routes()],
        ),
        Row("Duration", [_heatmap(), _quantiles(), _within()]),
        Row("Answers", [_status(), _refused_by_route(), _aborted()]),
        Row("How full it is", [_in_flight(), _connections(), _streams(), _shed()]),
        Row("Rate limits", access.limits()),
        Row("Who comes in", access.sign_ins()),
        Row("TLS and keys", access.keys()),
        Row("Log lines", [_failed_requests(), _log_lines()]),
    ]
    text = "Each route's rate, errors and duration; limits, connections, streams, sign-ins; the requests that failed."
    query = f'label_values({DURATION}_count{{job=~"$job", instance=~"$instance"}}, http_route)'
    variables = [Variable("route", "Route", query, "The template of the route, as the router matched it.")]
    return Dashboard(UID, "todo / HTTP API", text, rows, variables=variables, extra_tags=("http",))


def _narrow() -> Link:
    return board_of_label(UID, "http_route", "route", "Only this route")


def _share_failed(labels: str) -> str:
    whole = rate(f"{DURATION}_count", labels, ROUTE)
    # A route that never failed has no series of 5xx: 0 times its rate stands in for it.
    return f"({rate(f'{DURATION}_count', labels, f'{ROUTE}, {FAILED}')} or 0 * {whole}) / ({whole} > 0)"


def _by_route(which: str) -> Panel:
    if which == "Rate":
        return timeseries(
            "Rate by route",
            "reqps",
            About(
                "Requests per second of each route.",
                "the same mix as yesterday.",
                "one route that stands out: a client in a loop. Limits hold it back, see Rate limits.",
            ),
            [Query(rate(f"{DURATION}_count", "http_route", ROUTE), "{{http_route}}")],
            [board("todo-landing"), _narrow(), traces(), logs("| json")],
        )
    if which == "Errors":
        return timeseries(
            "Share of 5xx by route",
            "percentunit",
            About(
                "The share of each route's requests that got a 5xx.",
                "0.",
                "one route: its code or its statement. All routes: the database or the limit on requests in flight.",
            ),
            [Query(_share_failed("http_route"), "{{http_route}}")],
            [runbook(slo.AVAILABILITY.alert), board("todo-database"), _narrow(), traces("error=true"), errors()],
            thresholds=high(0.001, 0.01),
        )
    return timeseries(
        "Slowest routes, p99",
        "s",
        About(
            "The 99th percentile of the ten slowest routes. Click a diamond for the trace of that request.",
            "below 0.2 s (dashed).",
            "open a trace of the route: a long statement, or a wait for a connection or for the password hasher.",
        ),
        [Query(f"topk(10, {quantile(0.99, DURATION, 'http_route', SHORT)})", "{{http_route}}", exemplar=True)],
        [runbook(slo.LATENCY.alert), board("todo-database"), _narrow(), traces(slow="200ms"), logs("| json")],
        thresholds=steps((None, GREEN), (0.2, RED)),
    )


def _routes() -> Panel:
    window = "$__range"
    whole = increase(f"{DURATION}_count", "http_route", ROUTE, window)
    failed = increase(f"{DURATION}_count", "http_route", f"{ROUTE}, {FAILED}", window)
    within = increase(f"{DURATION}_bucket", "http_route", f'{ROUTE}, le="0.2"', window)
    columns = [
        ("Requests", "short", Query(whole)),
        ("5xx", "percentunit", Query(f"({failed} or 0 * {whole}) / ({whole} > 0)")),
        ("p50", "s", Query(quantile(0.5, DURATION, "http_route", ROUTE, window))),
        ("p99", "s", Query(quantile(0.99, DURATION, "http_route", ROUTE, window))),
        ("Within 0.2 s", "percentunit", Query(ratio(within, whole))),
    ]
    return table(
        "All routes in the time that is shown",
        About(
            "Every route with its number of requests, share of 5xx, median, 99th percentile and share within 0.2 s.",
            "no 5xx, and 99 % within 0.2 s.",
            "sort by the column that is wrong, and click the route to see it alone.",
        ),
        columns,
        [runbook(slo.LATENCY.alert), board("todo-database")],
        label="http_route",
        label_title="Route",
        sort="Requests",
        h=10,
        thresholds={
            "5xx": high(0.001, 0.01),
            "p99": steps((None, GREEN), (0.2, RED)),
            "Within 0.2 s": low(slo.LATENCY.target, 0.995),
        },
        label_links=[
            Link("Only this route", f"/d/{UID}?var-route=${{__value.raw:percentencode}}&${{__url_time_range}}")
        ],
    )


def _heatmap() -> Panel:
    return heatmap(
        "Requests by duration",
        "s",
        About(
            "How many requests took how long, without streams. Each point is a single request: click it for its trace.",
            "one dark band well below 0.2 s.",
            "a second band above it: some requests wait for something. Open one of its traces.",
        ),
        Query(buckets(DURATION, SHORT)),
        [runbook(slo.LATENCY.alert), board("todo-database"), traces(slow="200ms")],
        w=10,
    )


def _quantiles() -> Panel:
    return timeseries(
        "Duration",
        "s",
        About(
            "Median, 95th and 99th percentile of the chosen routes, without streams.",
            "p99 below 0.2 s (dashed).",
            "if all rise, the machine or the database is busy. If only p99 rises, single requests wait: open traces.",
        ),
        [
            Query(quantile(q, DURATION, "", SHORT), name, exemplar=True)
            for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
        ],
        [runbook(slo.LATENCY.alert), board("todo-database"), traces(slow="200ms"), logs("| json")],
        w=7,
        thresholds=steps((None, GREEN), (0.2, RED)),
    )


def _within() -> Panel:
    good = rate(f"{DURATION}_bucket", "http_request_method", f'{SHORT}, le="0.2"')
    whole = rate(f"{DURATION}_count", "http_request_method", SHORT)
    return timeseries(
        "Answered within 0.2 s, by method",
        "percentunit",
        About(
            "The share of requests that are answered within the bound of the latency objective.",
            f"above {slo.LATENCY.target * 100:g} %.",
            "only GET is slow: reads and their statements. Only the others: writes, locks, commits.",
        ),
        [Query(ratio(good, whole), "{{http_request_method}}", exemplar=True)],
        [runbook(slo.LATENCY.alert), board("todo-landing"), traces(slow="200ms"), logs("| json")],
        w=7,
        top=1,
        thresholds=low(slo.LATENCY.target, 0.995),
    )


def _status() -> Panel:
    return timeseries(
        "Answers by status",
        "reqps",
        About(
            "Requests per second by status code.",
            "mostly 200, 201, 204, 304; some 401, 404, 412 and 429.",
            "503 is shed or the database; 504 took too long; many 401: expired tokens, see Who comes in.",
        ),
        [Query(rate(f"{DURATION}_count", "http_response_status_code", ROUTE), "{{http_response_status_code}}")],
        [runbook(slo.AVAILABILITY.alert), board("todo-landing"), traces("error=true"), logs("| json")],
        stack=True,
        overrides=STATUS_COLORS,
    )


def _refused_by_route() -> Panel:
    refused = rate(
        f"{DURATION}_count", "http_route, http_response_status_code", f'{ROUTE}, http_response_status_code=~"4.."'
    )
    return timeseries(
        "4xx by route",
        "reqps",
        About(
            "The ten routes and statuses of class 4xx that come most often. They are the client's, and count as good.",
            "few, and the same ones as always.",
            "a new one after a deploy of a client or of the service: they disagree. Read the problem's code in the trace.",
        ),
        [Query(zeroed(f"topk(10, {refused})", "http_route"), "{{http_response_status_code}} {{http_route}}")],
        [board("todo-business"), _narrow(), traces(), logs("| json")],
    )


def _aborted() -> Panel:
    aborted = rate("http_server_aborted_requests_total", "http_route", ROUTE)
    return timeseries(
        "Aborted by the client",
        "reqps",
        About(
            "Requests whose client went away before the answer, by route. A write is finished all the same.",
            "near 0.",
            "many: clients give up before the service answers. Compare with the duration, and with their time-outs.",
        ),
        [Query(zeroed(aborted, "http_route"), "{{http_route}}")],
        [runbook("TodoLatencyBurn14x"), board("todo-landing"), _narrow(), traces(), logs("| json")],
    )


def _in_flight() -> Panel:
    return timeseries(
        "In flight and their limit",
        "none",
        About(
            "Requests that each instance works on, and the least limit of all. Above the limit a request gets 503.",
            "well below the limit (dashed red).",
            "near the limit: add instances, or find what makes requests slow.",
        ),
        [
            Query(gauge("max", "http_server_active_requests", "instance"), "{{instance}}"),
            Query(gauge("min", "http_server_max_in_flight_requests"), "limit"),
        ],
        [runbook("TodoInFlightNearLimit"), board("todo-database"), traces(), logs("| json")],
        w=6,
        overrides=[by_pattern("^limit$", color=color(RED), custom__lineStyle={"fill": "dash", "dash": [8, 6]})],
    )


def _connections() -> Panel:
    failures = zeroed(rate("http_server_connection_errors_total", "stage"), "stage")
    return timeseries(
        "Connections",
        "none",
        About(
            "Open connections, and those per second that ended by a time-out, a failed handshake or an error, by stage.",
            "as many as the load balancers keep open; errors near 0.",
            "stage tls: certificates or scanners. Stage head: slow or broken clients. Stage http: broken requests.",
        ),
        [Query(gauge("sum", "http_server_open_connections"), "open"), Query(failures, "errors/s, {{stage}}")],
        [board("todo-landing"), logs("| json")],
        w=6,
    )


def _streams() -> Panel:
    return timeseries(
        "Open streams",
        "none",
        About(
            "Open streams of server-sent events, by instance. They do not count as requests in flight.",
            "follows the people who have the page open; falls at a deploy and comes back.",
            "near 2,000 for one instance (http.max_streams): add instances. A fall without a deploy: a proxy cuts them off.",
        ),
        [Query(zeroed(gauge("sum", "http_server_open_streams", "instance"), "instance", "all"), "{{instance}}")],
        [board("todo-business"), traces(), logs("| json")],
        w=6,
        thresholds=high(1500, 2000),
    )


def _shed() -> Panel:
    return timeseries(
        "Shed",
        "reqps",
        About(
            "Requests per second that got 503 because too many were in flight or too many streams were open.",
            "0.",
            "above 0 people see errors. Add instances now; then find out why requests pile up.",
        ),
        [Query(zeroed(rate("http_server_shed_requests_total")), "shed")],
        [runbook("TodoShedding"), board("todo-database"), traces("error=true"), errors()],
        w=6,
        thresholds=steps((None, GREEN), (0.01, RED)),
    )


def _failed_requests() -> Panel:
    expr = '{service_name="todo"} |= "request failed" | json'
    return log_table(
        "Requests that failed",
        About(
            "The newest requests that ended with 5xx. A click on the trace_id opens the whole way of the request.",
            "none.",
            "group them by code and cause; then open one trace of each.",
        ),
        Query(expr, needs="loki", may_be_empty="shows only failed requests: a healthy service has none"),
        [runbook(slo.AVAILABILITY.alert), board("todo-landing")],
        columns=("http_route", "status", "code", "cause", "request_id", "trace_id"),
        trace=trace_of_row(),
    )


def _log_lines() -> Panel:
    return logs_panel(
        "Log lines of requests",
        About(
            "All lines that belong to a request. Open one: its trace_id leads to the trace.",
            "few: a request that goes well writes none at level info.",
            'narrow it in Explore, for example `| request_id="…"` with the id that a person sends you.',
        ),
        Query(
            '{service_name="todo"} | json | request_id!=""',
            needs="loki",
            may_be_empty="a request that goes well may write no line",
        ),
        [board("todo-landing"), runbook("TodoAvailabilityBurn14x"), traces("error=true")],
        h=9,
    )
