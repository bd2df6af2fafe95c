"""todo-business: what people do with the product. Counts only, never who."""

from __future__ import annotations

from ..dashboard import Dashboard, Row
from ..expr import gauge, increase, ratio, zeroed
from ..links import board, logs, runbook, traces
from ..panels import GREEN, ORANGE, RED, About, Panel, Query, by_pattern, color, stat, timeseries

UID = "todo-business"
RANGE = "$__range"


def dashboard() -> Dashboard:
    """Figures for people who do not look after machines."""
    rows = [
        Row("In the time that is shown", _totals()),
        Row("Accounts", _accounts()),
        Row("Tasks", _tasks()),
        Row("Notifications, reminders, webhooks", _messages()),
    ]
    text = "What people do: sign-ups, sign-ins, tasks made and done, notifications, reminders. Counts only, never who."
    return Dashboard(UID, "todo / Business", text, rows, time="now-24h", extra_tags=("business",))


def _total(title: str, expr: str, what: str, normal: str, do: str, uid: str, unit: str = "short") -> Panel:
    return stat(
        title, unit, About(what, normal, do), [Query(expr, title, instant=True)], [board(uid)], decimals=0, spark=False
    )


def _count(metric: str, extra: str = "") -> str:
    return zeroed(increase(metric, "", extra, RANGE))


def _totals() -> list[Panel]:
    made, done = (
        increase("insights_tasks_created_total", window=RANGE),
        increase("insights_tasks_completed_total", window=RANGE),
    )
    return [
        _total(
            "Sign-ups",
            _count("user_accounts_created_total"),
            "Accounts that were made in the time that is shown.",
            "the same as on this weekday before.",
            "none for hours: try the page yourself, then see POST /api/v1/users on the HTTP dashboard.",
            "todo-http",
        ),
        _total(
            "Sign-ins",
            _count("auth_sign_ins_total", 'outcome="succeeded"'),
            "Sign-ins that succeeded in the time that is shown.",
            "the same as on this weekday before.",
            "far fewer: compare with those that failed below.",
            "todo-http",
        ),
        _total(
            "Tasks made",
            _count("insights_tasks_created_total"),
            "Tasks that were made in the time that is shown. Counted when their event is applied.",
            "the same as on this weekday before.",
            "none while there are requests: the consumer of insights stands still, see the events dashboard.",
            "todo-events",
        ),
        _total(
            "Tasks done",
            _count("insights_tasks_completed_total"),
            "Tasks that were done in the time that is shown; once more after a reopening.",
            "the same as on this weekday before.",
            "none while tasks are made: see the routes of tasks on the HTTP dashboard.",
            "todo-events",
        ),
        _total(
            "Done for each made",
            zeroed(ratio(done, made)),
            "Tasks done divided by tasks made, in the time that is shown. 0 when none was made.",
            "between 60 % and 100 %.",
            "it falls for weeks: people collect and do not finish. A matter for the product, not for operators.",
            "todo-landing",
            "percentunit",
        ),
        _total(
            "Reminders fired",
            _count("task_reminders_fired_total"),
            "Reminders that fired in the time that is shown.",
            "the same as on this weekday before.",
            "none for a day: see Reminders and series on the events dashboard.",
            "todo-events",
        ),
    ]


def _accounts() -> list[Panel]:
    sign_ins = zeroed(increase("auth_sign_ins_total", "outcome"), "outcome")
    return [
        timeseries(
            "Accounts made and deleted",
            "none",
            About(
                "Accounts that were made and that were deleted by their owners.",
                "more made than deleted.",
                "many made at once: somebody registers by machine. Many deleted: what changed in the last release?",
            ),
            [
                Query(zeroed(increase("user_accounts_created_total")), "made"),
                Query(zeroed(increase("user_accounts_deleted_total")), "deleted"),
            ],
            [board("todo-http"), traces(), logs("| json")],
            bars=True,
            overrides=[by_pattern("deleted", color=color(ORANGE)), by_pattern("made", color=color(GREEN))],
        ),
        timeseries(
            "Sign-ins by outcome",
            "none",
            About(
                "Sign-ins by outcome.",
                "mostly succeeded; a few wrong passwords.",
                "many wrong ones from many addresses: a list of passwords is being tried. Tell the operators.",
            ),
            [Query(sign_ins, "{{outcome}}")],
            [runbook("TodoSignInFailureSpike"), board("todo-http"), logs("| json")],
            bars=True,
            stack=True,
            overrides=[by_pattern("wrong", color=color(RED)), by_pattern("succeeded", color=color(GREEN))],
        ),
        timeseries(
            "Pages open now",
            "none",
            About(
                "Open streams of live updates: about one for each page or app that is open.",
                "high by day, low by night.",
                "a sudden fall without a deploy: a proxy cuts connections off. See the HTTP dashboard.",
            ),
            [Query(zeroed(gauge("sum", "http_server_open_streams")), "open")],
            [board("todo-http"), logs("| json")],
        ),
    ]


def _tasks() -> list[Panel]:
    return [
        timeseries(
            "Tasks made and done",
            "none",
            About(
                "Tasks that were made and that were done, counted when their event is applied.",
                "hills in the morning and after lunch.",
                "both at 0 while there are requests: see the consumer todo-insights on the events dashboard.",
            ),
            [
                Query(zeroed(increase("insights_tasks_created_total")), "made"),
                Query(zeroed(increase("insights_tasks_completed_total")), "done"),
            ],
            [runbook("TodoConsumerLag"), board("todo-events"), traces(), logs("| json")],
            w=16,
            bars=True,
            overrides=[by_pattern("done", color=color(GREEN)), by_pattern("made", color=color("blue"))],
        ),
        timeseries(
            "Occurrences of recurring tasks",
            "none",
            About(
                "Tasks that the service made by itself because a series was due.",
                "hills at midnight of the large time zones.",
                "none for a day: see Reminders and series on the events dashboard.",
            ),
            [Query(zeroed(increase("task_occurrences_made_total")), "made by series")],
            [runbook("TodoOccurrencesLate"), board("todo-events"), logs("| json")],
            bars=True,
        ),
    ]


def _messages() -> list[Panel]:
    return [
        timeseries(
            "Notifications by kind",
            "none",
            About(
                "Notifications that were made for people, by kind.",
                "few; they tell of security and of what the product did on its own.",
                "many session_revoked: tokens came twice, see Refreshes of tokens on the HTTP dashboard.",
            ),
            [Query(zeroed(increase("notifications_created_total", "kind"), "kind"), "{{kind}}")],
            [board("todo-events"), board("todo-http"), logs("| json")],
            bars=True,
            stack=True,
        ),
        timeseries(
            "Reminders: on time and late",
            "none",
            About(
                "Reminders that fired, by whether they were more than a minute late.",
                "none that is late.",
                "late ones annoy people at once. See Reminders and series on the events dashboard.",
            ),
            [Query(zeroed(increase("task_reminders_fired_total", "late"), "late"), "late: {{late}}")],
            [runbook("TodoRemindersLate"), board("todo-events"), logs("| json")],
            bars=True,
            stack=True,
            overrides=[by_pattern("late: true", color=color(RED)), by_pattern("late: false", color=color(GREEN))],
        ),
        timeseries(
            "Webhooks delivered",
            "none",
            About(
                "Events that were delivered to addresses of people, and deliveries that were given up.",
                "few are given up.",
                "many given up: our way out of the network, see Webhooks on the events dashboard.",
            ),
            [
                Query(zeroed(increase("webhook_deliveries_total", "", 'outcome="delivered"')), "delivered"),
                Query(zeroed(increase("webhook_deliveries_total", "", 'outcome="failed"')), "given up"),
            ],
            [runbook("TodoWebhooksFailing"), board("todo-events"), logs("| json")],
            bars=True,
            overrides=[by_pattern("given", color=color(RED)), by_pattern("delivered", color=color(GREEN))],
        ),
    ]
