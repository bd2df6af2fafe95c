"""The lower half of todo-events: consumers, webhooks, reminders, background workers."""

from __future__ import annotations

from ..expr import age, buckets, gauge, increase, lag, quantile, rate, zeroed
from ..links import board, errors, logs_of, runbook, traces
from ..panels import GREEN, ORANGE, RED, About, Panel, Query, by_pattern, color, heatmap, high, steps, timeseries


def behind() -> list[Panel]:
    """Lag in messages and in age."""
    effect = "consumer_effect_delay_seconds"
    return [
        timeseries(
            "Lag in messages",
            "none",
            About(
                "Messages between each consumer and the end of its topics, over all members and partitions.",
                "near 0.",
                "growing: the consumer is too slow or stands still, perhaps on one instance. See retries and failures.",
            ),
            [Query(lag("consumer, topic"), "{{consumer}} {{topic}}", needs="kafka")],
            [runbook("TodoConsumerLag"), board("todo-kafka"), traces(), errors()],
        ),
        timeseries(
            "Age of events at their effect",
            "s",
            About(
                "The 99th percentile of the time from a change to each consumer's effect. Click a diamond for the trace.",
                "below 2 s.",
                "high while the lag is low: events came late, see the outbox. High with lag: the consumer.",
            ),
            [
                Query(quantile(0.99, effect, "consumer"), "{{consumer}} p99", exemplar=True),
                Query(quantile(0.5, effect, "consumer"), "{{consumer}} p50"),
            ],
            [runbook("TodoConsumerLate"), board("todo-database"), traces(), errors()],
            thresholds=high(10, 60),
        ),
        heatmap(
            "Events by age at their effect",
            "s",
            About(
                "How many events had their effect after how long, over all consumers.",
                "one dark band below 1 s.",
                "a band at 1 s, 5 s, 30 s or more: events that succeeded at a later try. See the retries.",
            ),
            Query(buckets(effect)),
            [runbook("TodoConsumerLate"), board("todo-database"), traces()],
            w=8,
        ),
        *(panel.needing("kafka") for panel in _members()),
    ]


def _members() -> list[Panel]:
    return [
        timeseries(
            "Partitions by instance",
            "none",
            About(
                "Partitions that each instance has of each consumer's topics.",
                "spread evenly; over all instances the partitions of the topics.",
                "an instance with none while others are behind: it is not in the group. See its rebalances and errors.",
            ),
            [Query(gauge("sum", "consumer_assigned_partitions", "consumer, instance"), "{{consumer}} {{instance}}")],
            [runbook("TodoConsumerLag"), board("todo-kafka"), errors()],
        ),
        timeseries(
            "Rebalances",
            "none",
            About(
                "Assignments that members got or gave up, by consumer.",
                "a few with each deploy, none otherwise.",
                "steady: a member takes too long over a batch or comes and goes. See its restarts and its log lines.",
            ),
            [Query(zeroed(increase("consumer_rebalances_total", "consumer"), "consumer"), "{{consumer}}")],
            [runbook("TodoConsumerLag"), board("todo-kafka"), errors()],
            bars=True,
        ),
        timeseries(
            "Errors of the consumers' clients",
            "ops",
            About(
                "Requests per second of each consumer's Kafka client that failed or were not answered in time.",
                "0, with a few while a broker restarts.",
                "steady: the network, or a broker that is away. The log lines of target `kafka` name it.",
            ),
            [Query(zeroed(rate("consumer_client_errors_total", "consumer"), "consumer"), "{{consumer}}")],
            [runbook("TodoConsumerLag"), board("todo-kafka"), errors()],
            thresholds=steps((None, GREEN), (0.1, ORANGE)),
        ),
    ]


def done() -> list[Panel]:
    """What came of the events."""
    tried = zeroed(f"{rate('consumer_events_total', 'consumer, outcome')}", "outcome")
    return [
        timeseries(
            "Events by outcome",
            "ops",
            About(
                "Events per second of each consumer: applied, repeated (dropped), passed (concern nobody), failed (a try).",
                "applied and passed; repeated after a restart.",
                "failed: the effect does not succeed. The log lines say why; after the last try it is a dead letter.",
            ),
            [Query(tried, "{{consumer}} {{outcome}}")],
            [runbook("TodoConsumerFailures"), board("todo-business"), traces(), errors()],
            stack=True,
            overrides=[by_pattern("failed$", color=color(RED))],
        ),
        timeseries(
            "Waiting for a retry",
            "none",
            About(
                "Events of each consumer that wait to be tried again, and those of the same users behind them.",
                "0.",
                "it empties by itself when the cause is mended. If it grows, look at the failed events.",
            ),
            [Query(zeroed(gauge("max", "consumer_retries_waiting", "consumer"), "consumer"), "{{consumer}}")],
            [runbook("TodoConsumerRetriesWaiting"), board("todo-database"), traces(), errors()],
            thresholds=high(1, 100),
        ),
        *_given_up(),
    ]


def _given_up() -> list[Panel]:
    dead = zeroed(increase("consumer_dead_letters_total", "consumer"), "consumer")
    failures = zeroed(rate("consumer_failures_total", "consumer"), "consumer")
    refused = zeroed(increase("events_schema_refused_total", "topic"), "topic")
    return [
        timeseries(
            "Dead letters: new and waiting",
            "none",
            About(
                "Events that became dead letters, by consumer, and those that wait for a decision, by topic.",
                "0.",
                "`todo dlq list`, mend the cause, `todo dlq redrive`. Each is applied once however often this is asked.",
            ),
            [
                Query(dead, "new, {{consumer}}"),
                Query(zeroed(gauge("max", "dead_letters", "topic"), "topic"), "waiting, {{topic}}"),
            ],
            [runbook("TodoDeadLetters"), board("todo-landing"), errors()],
            thresholds=steps((None, GREEN), (1, RED)),
        ),
        timeseries(
            "Gaps by consumer",
            "none",
            About(
                "Published events that did not come to the consumer.",
                "always 0.",
                "anything else is a loss. Compare the log (`GET /api/v1/changes`) with the topic, then replay.",
            ),
            [Query(zeroed(increase("consumer_gaps_total", "consumer"), "consumer"), "{{consumer}}")],
            [runbook("TodoConsumerGap"), board("todo-kafka"), errors()],
            thresholds=steps((None, GREEN), (1, RED)),
        ),
        timeseries(
            "Rounds that failed",
            "ops",
            About(
                "Rounds per second in which a consumer's database did not answer.",
                "0.",
                "look at the pool and at the database. The consumer tries again by itself.",
            ),
            [Query(failures, "{{consumer}}")],
            [runbook("TodoConsumerFailures"), board("todo-database"), errors()],
            thresholds=steps((None, GREEN), (0.1, ORANGE)),
        ),
        timeseries(
            "Refused by the schema",
            "none",
            About(
                "Events that did not fit their schema. They are not written, and neither is their change: people see a 500.",
                "always 0.",
                "a mistake in the program. Roll the newest deploy back; the log line names the field.",
            ),
            [Query(refused, "{{topic}}")],
            [runbook("TodoSchemaRefused"), board("todo-http"), traces("error=true"), errors()],
            thresholds=steps((None, GREEN), (1, RED)),
        ),
    ]


def webhooks() -> list[Panel]:
    """Deliveries to addresses of people."""
    tries = zeroed(rate("webhook_deliveries_total", "outcome"), "outcome")
    return [
        timeseries(
            "Tries by outcome",
            "ops",
            About(
                "Tries per second: delivered, retried, failed (given up), cancelled, lost (somebody else recorded it).",
                "mostly delivered. Some addresses of people never answer.",
                "none is delivered: our way out of the network. Otherwise the addresses are theirs.",
            ),
            [Query(tries, "{{outcome}}")],
            [runbook("TodoWebhooksFailing"), board("todo-landing"), traces(), logs_of("webhook")],
            w=6,
            stack=True,
            overrides=[by_pattern("failed", color=color(RED)), by_pattern("delivered", color=color(GREEN))],
        ),
        timeseries(
            "Time of a try",
            "s",
            About(
                "Median and 99th percentile of the time of a try; 0 when nothing was sent.",
                "below 1 s; a try ends at 10 s.",
                "all slow: our way out of the network. Tries that wait hold up no others.",
            ),
            [
                Query(zeroed(quantile(q, "webhook_delivery_duration_seconds")), name, exemplar=True)
                for q, name in ((0.5, "p50"), (0.99, "p99"))
            ],
            [runbook("TodoWebhooksFailing"), board("todo-landing"), traces(), logs_of("webhook")],
            w=6,
            thresholds=high(5, 10),
        ),
        *_webhooks_later(),
    ]


def _webhooks_later() -> list[Panel]:
    disabled = zeroed(increase("webhooks_disabled_total", "reason"), "reason")
    return [
        timeseries(
            "Pending deliveries",
            "none",
            About(
                "Deliveries that are to be tried, now or later. Counted up to 100,000 every ten seconds.",
                "a small number of retries.",
                "growing while tries go well: more workers. Growing with failures: they end after five tries.",
            ),
            [Query(zeroed(gauge("max", "webhook_deliveries_pending")), "pending")],
            [runbook("TodoWebhookBacklog"), board("todo-database"), logs_of("webhook")],
            w=6,
        ),
        timeseries(
            "Switched off by the service",
            "none",
            About(
                "Webhooks that the service switched off: `gone` (410) or `failing` (five deliveries failed to the end).",
                "single ones.",
                "many at once: our way out of the network was broken. Tell the people; they can switch them on again.",
            ),
            [Query(disabled, "{{reason}}")],
            [runbook("TodoWebhooksDisabled"), board("todo-business"), logs_of("webhook")],
            w=6,
            bars=True,
        ),
    ]


def reminders() -> list[Panel]:
    """What is due at an instant."""
    fired = zeroed(increase("task_reminders_fired_total", "late"), "late")
    return [
        timeseries(
            "Reminders fired",
            "none",
            About(
                "Reminders that fired, by whether they were more than a minute late.",
                "none that is late.",
                "late ones after a pause of all workers are caught up. Otherwise see the lateness and the worker's last round.",
            ),
            [Query(fired, "late: {{late}}")],
            [runbook("TodoRemindersLate"), board("todo-business"), errors()],
            w=6,
            bars=True,
            stack=True,
            overrides=[by_pattern("late: (true|yes)", color=color(RED))],
        ),
        timeseries(
            "Lateness of reminders",
            "s",
            About(
                "Time from the instant of a reminder to its event; 0 when none fired.",
                "p99 below 5 s.",
                "above a minute people notice. See the database and whether a worker runs.",
            ),
            _lateness("task_reminder_lateness_seconds"),
            [runbook("TodoRemindersLate"), board("todo-database"), traces(), errors()],
            w=6,
            thresholds=high(10, 60),
        ),
        timeseries(
            "Occurrences made",
            "none",
            About(
                "Occurrences of recurring tasks that workers made.",
                "follows the hours at which days begin in the time zones of people.",
                "none for a day: no worker runs, or its rounds fail.",
            ),
            [Query(zeroed(increase("task_occurrences_made_total")), "occurrences")],
            [runbook("TodoOccurrencesLate"), board("todo-business"), errors()],
            w=6,
            bars=True,
        ),
        timeseries(
            "Lateness of occurrences",
            "s",
            About(
                "Time from when an occurrence was to be made until it was; 0 when none was made.",
                "p99 below 60 s.",
                "high: too much at once, or no worker for a while. It is caught up by itself.",
            ),
            _lateness("task_occurrence_lateness_seconds"),
            [runbook("TodoOccurrencesLate"), board("todo-database"), traces(), errors()],
            w=6,
            thresholds=high(60, 300),
        ),
    ]


def _lateness(metric: str) -> list[Query]:
    return [Query(zeroed(quantile(q, metric)), name, exemplar=True) for q, name in ((0.5, "p50"), (0.99, "p99"))]


def workers() -> list[Panel]:
    """The probe and what goes on in the background."""
    runs = zeroed(increase("synthetic_probe_runs_total", "outcome"), "outcome", "no runs")
    return [
        timeseries(
            "Probe: runs",
            "none",
            About(
                "Runs of the synthetic probe by outcome: make a task, have its event applied, see it.",
                "only succeeded.",
                "failed: the way from a change to its effect is broken somewhere. The log lines name the step.",
            ),
            [Query(runs, "{{outcome}}")],
            [runbook("TodoSyntheticProbeFailing"), board("todo-landing"), logs_of("probe")],
            w=6,
            bars=True,
            stack=True,
            overrides=[by_pattern("failed", color=color(RED)), by_pattern("succeeded", color=color(GREEN))],
        ),
        timeseries(
            "Probe: duration and last success",
            "s",
            About(
                "Median and 99th percentile of a run, and the time since the last one that succeeded.",
                "below 5 s; the last success not older than two rounds.",
                "slow: see the age of events at their effect. Old: see the runs that failed.",
            ),
            [
                *_lateness("synthetic_probe_duration_seconds"),
                Query(age("synthetic_probe_last_success_timestamp_seconds"), "since the last success", needs="probe"),
            ],
            [runbook("TodoSyntheticProbeSlow"), board("todo-landing"), traces(), logs_of("probe")],
            w=6,
        ),
        *_background(),
    ]


def _background() -> list[Panel]:
    rows = zeroed(increase("housekeeping_deleted_rows_total", "table"), "table")
    return [
        timeseries(
            "Workers: last good round",
            "s",
            About(
                "Seconds since each background worker's last round that did not fail, at the instance that is most behind.",
                "about the length of its round.",
                "growing: its rounds fail or it hangs. Its log lines say why.",
            ),
            [Query(age("worker_last_round_timestamp_seconds", "worker", of="min"), "{{worker}}")],
            [runbook("TodoWorkerStalled"), board("todo-database"), errors()],
            w=6,
            thresholds=high(300, 900),
        ),
        timeseries(
            "Workers: failures",
            "none",
            About(
                "Rounds of each background worker that failed, or a single user's part of one.",
                "none.",
                "again and again: the database, or what is stored of one user. Its log lines say why.",
            ),
            [Query(zeroed(increase("worker_failures_total", "worker"), "worker"), "{{worker}}")],
            [runbook("TodoWorkerFailing"), board("todo-database"), errors()],
            w=6,
            thresholds=high(1, 5),
        ),
        timeseries(
            "Housekeeping: deleted rows",
            "none",
            About(
                "Rows that were too old and were deleted, by table.",
                "a few of each table every hour.",
                "none for days: no worker, or its rounds fail. The tables grow meanwhile.",
            ),
            [Query(rows, "{{table}}")],
            [runbook("TodoWorkerStalled"), board("todo-database"), errors()],
            w=6,
            bars=True,
            stack=True,
        ),
    ]
