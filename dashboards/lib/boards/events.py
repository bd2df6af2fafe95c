"""todo-events: the way of an event from the outbox over the relay and Kafka to what the consumers do with it."""

from __future__ import annotations

from .. import slo
from ..dashboard import Dashboard, Row
from ..expr import age, buckets, gauge, increase, quantile, rate, zeroed
from ..links import board, errors, logs, runbook, traces
from ..panels import (
    GREEN,
    ORANGE,
    RED,
    About,
    Panel,
    Query,
    any_is_bad,
    by_pattern,
    color,
    heatmap,
    high,
    low,
    stat,
    steps,
    timeseries,
)
from . import consumers

UID = "todo-events"


def dashboard() -> Dashboard:
    """Events from the change to the effect."""
    rows = [
        Row("Is it well?", _now()),
        Row("Outbox: from the change to the acknowledgement", _outbox()),
        Row("Relay", _relay()),
        Row("Kafka producer", _producer()),
        Row("Consumers: how far behind", consumers.behind()),
        Row("Consumers: what they did", consumers.done()),
        Row("Webhooks", consumers.webhooks()),
        Row("Reminders and series", consumers.reminders()),
        Row("Synthetic probe and background workers", consumers.workers()),
    ]
    text = "Outbox, relay, Kafka producer, consumers, dead letters, webhooks, reminders: is an event on its way, and where?"
    return Dashboard(UID, "todo / Events", text, rows, extra_tags=("events", "kafka"))


def _now() -> list[Panel]:
    return [
        stat(
            "Oldest unpublished",
            "s",
            About(
                "Age of the oldest event that no broker has acknowledged: the golden signal of events.",
                "0. No value means that the outbox cannot be looked at.",
                "rising: the relay or Kafka stands still. Read on from the left: outbox, relay, producer, brokers.",
            ),
            [Query(gauge("max", "outbox_oldest_unpublished_age_seconds"), "age")],
            [runbook("TodoOldestEventTooOld"), board("todo-kafka")],
            thresholds=high(10, 60),
        ),
        stat(
            "Sampled",
            "s",
            About(
                "Seconds since the outbox was last looked at, by the instance that did it last.",
                "a few seconds.",
                "old: the other figures of the outbox are old too. Is the database there? Is the process alive?",
            ),
            [Query(age("outbox_sampled_timestamp_seconds"), "ago")],
            [runbook("TodoOutboxSamplerStale"), board("todo-database")],
            thresholds=high(30, 60),
        ),
        stat(
            "Parked users",
            "none",
            About(
                "Users whose next event Kafka refuses for good. Their later events wait; those of others go on.",
                "0.",
                "`todo events status` names them and the error. Mend the cause, then `todo events rearm`.",
            ),
            [Query(gauge("max", "outbox_parked_keys"), "parked")],
            [runbook("TodoParkedKeys"), board("todo-kafka")],
            thresholds=any_is_bad(),
        ),
        *_promises(),
    ]


def _promises() -> list[Panel]:
    dead = zeroed(f"sum ({gauge('max', 'dead_letters', 'topic')})")
    gaps = zeroed(increase("consumer_gaps_total", window="$__range"))
    return [
        stat(
            "Dead letters",
            "none",
            About(
                "Events that a consumer gave up and nobody has decided about.",
                "0.",
                "`todo dlq list` and `todo dlq show ID`. Mend the cause, then `todo dlq redrive`, or discard them.",
            ),
            [Query(dead, "dead letters")],
            [runbook("TodoDeadLetters"), board("todo-landing")],
            thresholds=any_is_bad(),
        ),
        stat(
            "Gaps",
            "none",
            About(
                "Published events that did not come to a consumer, in the time that is shown.",
                "always 0: the promise of this design.",
                "anything else is a loss, or a topic that was cut. Stop deploys and read the runbook.",
            ),
            [Query(gaps, "gaps")],
            [runbook("TodoConsumerGap"), board("todo-kafka")],
            thresholds=any_is_bad(),
            decimals=0,
        ),
        stat(
            "Freshness, 30 days",
            "percentunit",
            About(
                f"The objective: {slo.FRESHNESS.sentence}",
                f"at least {slo.FRESHNESS.target * 100:g} %.",
                "see the burn rate on the landing dashboard for whether it still goes on.",
            ),
            [Query(slo.FRESHNESS.good(), "fresh", instant=True, needs="rules")],
            [runbook(slo.FRESHNESS.alert), board("todo-landing")],
            thresholds=low(slo.FRESHNESS.target, 0.99925),
            decimals=3,
            spark=False,
        ),
    ]


def _outbox() -> list[Panel]:
    return [
        heatmap(
            "From the change to the acknowledgement",
            "s",
            About(
                "How many events were acknowledged after how long. Click a point for the trace of that event.",
                "one dark band below 0.1 s.",
                "bands above 10 s use up the budget of freshness: see the relay and the producer below.",
            ),
            Query(buckets("outbox_publish_delay_seconds")),
            [runbook(slo.FRESHNESS.alert), board("todo-kafka"), traces()],
        ),
        timeseries(
            "Delay of publishing",
            "s",
            About(
                "Median, 95th and 99th percentile of the time from a change to the acknowledgement of its event.",
                "p99 below 1 s; the bound of the objective is 10 s (dashed).",
                "compare with the time of a batch: if that is short, the relay does not come round often enough.",
            ),
            [
                Query(quantile(q, "outbox_publish_delay_seconds"), name, exemplar=True)
                for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ],
            [runbook(slo.FRESHNESS.alert), board("todo-kafka"), traces(), logs("| json")],
            w=12,
            thresholds=steps((None, GREEN), (10, RED)),
        ),
        *_published(),
    ]


def _published() -> list[Panel]:
    published = "messaging_client_published_messages_total"
    return [
        timeseries(
            "Age of the oldest",
            "s",
            About(
                "Age of the oldest event that no broker has acknowledged.",
                "0, with teeth of a second or two.",
                "a straight line upwards: publishing stands still. Broken off: the outbox cannot be looked at.",
            ),
            [Query(gauge("max", "outbox_oldest_unpublished_age_seconds"), "age")],
            [runbook("TodoOldestEventTooOld"), board("todo-kafka"), traces(), errors()],
            w=6,
            thresholds=high(10, 60),
        ),
        timeseries(
            "Backlog",
            "none",
            About(
                "Events that no broker has acknowledged.",
                "near 0.",
                "growing while events are published: more relays. Growing while none is: see the failures of the relay.",
            ),
            [Query(gauge("max", "outbox_backlog"), "events")],
            [runbook("TodoOldestEventTooOld"), board("todo-kafka"), traces(), logs("| json")],
            w=6,
        ),
        timeseries(
            "Events at the broker",
            "ops",
            About(
                "Events per second by what came of them: acknowledged, failed (tried again), held, refused (parked).",
                "only acknowledged.",
                "failed: Kafka flaps. Refused: too large, or against a policy; the user is parked.",
            ),
            [Query(zeroed(rate(published, "outcome"), "outcome"), "{{outcome}}")],
            [runbook("TodoRelayFailures"), board("todo-kafka"), traces(), errors()],
            w=6,
            stack=True,
            overrides=[by_pattern("failed|refused", color=color(RED)), by_pattern("acknowledged", color=color(GREEN))],
        ),
        timeseries(
            "Acknowledged by topic",
            "ops",
            About(
                "Acknowledged events per second by topic.",
                "follows the writes of the API.",
                "one topic at 0 while people write: it is fenced (`todo topics expand`) or its partitions have no leader.",
            ),
            [Query(zeroed(rate(published, "topic", 'outcome="acknowledged"'), "topic"), "{{topic}}")],
            [board("todo-kafka"), board("todo-business"), traces(), logs("| json")],
            w=6,
            stack=True,
        ),
    ]


def _relay() -> list[Panel]:
    batch = "relay_batch_duration_seconds"
    failures = zeroed(rate("relay_failures_total", "stage"), "stage")
    return [
        timeseries(
            "Time of a batch",
            "s",
            About(
                "Time from sending a batch to its last acknowledgement: median and 99th percentile.",
                "p99 below 0.1 s.",
                "long: the brokers are slow or a replica is behind. See the round trip of the producer, and the brokers.",
            ),
            [Query(quantile(q, batch), name, exemplar=True) for q, name in ((0.5, "p50"), (0.99, "p99"))],
            [runbook("TodoOldestEventTooOld"), board("todo-kafka"), traces(), logs("| json")],
        ),
        timeseries(
            "Shards held",
            "none",
            About(
                "Shards of the outbox that each relay owns. Together they are 64.",
                "64 in sum, spread evenly.",
                "less than 64 for longer than ten seconds: a relay died and no other took over. Start one.",
            ),
            [
                Query(gauge("sum", "relay_shards_held", "instance"), "{{instance}}"),
                Query(gauge("sum", "relay_shards_held"), "all"),
            ],
            [runbook("TodoShardsNotAllHeld"), board("todo-database"), logs("| json")],
        ),
        timeseries(
            "Failures of the relay",
            "ops",
            About(
                "Failures per second by stage: lease (database), publish (batch), producer (client of Kafka).",
                "0.",
                "stage lease: the database. The others: Kafka. Each is tried again by itself.",
            ),
            [Query(failures, "{{stage}}")],
            [runbook("TodoRelayFailures"), board("todo-kafka"), traces(), errors()],
            thresholds=steps((None, GREEN), (0.1, ORANGE)),
        ),
    ]


def _producer() -> list[Panel]:
    panels = [
        timeseries(
            "Brokers connected",
            "none",
            About(
                "Brokers that each instance's producer is connected to.",
                "all of the cluster under load; fewer where little is sent: a producer that is idle lets connections go.",
                "0 at one instance: its network. 0 at all: Kafka. Whether a broker is down, the brokers say themselves.",
            ),
            [Query(gauge("min", "kafka_producer_brokers_up", "instance"), "{{instance}}")],
            [runbook("TodoKafkaUnreachable"), board("todo-kafka"), errors()],
            w=6,
        ),
        timeseries(
            "Queue in messages and bytes",
            "short",
            About(
                "What the producers hold in memory until a broker acknowledges it.",
                "short teeth down to 0.",
                "always full: brokers are slow or away. Events stay in the outbox as well, nothing is lost.",
            ),
            [
                Query(gauge("sum", "kafka_producer_queue_messages"), "messages"),
                Query(gauge("sum", "kafka_producer_queue_bytes"), "bytes"),
            ],
            [runbook("TodoRelayFailures"), board("todo-kafka"), logs("| json")],
            w=6,
            overrides=[by_pattern("bytes", unit="bytes", custom__axisPlacement="right")],
        ),
        timeseries(
            "Round trip to the brokers, p99",
            "s",
            About(
                "The 99th percentile of the round trip to the slowest broker, as the producer's library measures it.",
                "a few milliseconds.",
                "high: the network or the disk of a broker. Compare with the time of requests on the brokers' dashboard.",
            ),
            [Query(gauge("max", "kafka_producer_round_trip_p99_seconds", "instance"), "{{instance}}")],
            [runbook("TodoRelayFailures"), board("todo-kafka"), traces()],
            w=6,
            thresholds=high(0.1, 1),
        ),
        timeseries(
            "Retries and errors of the producer",
            "ops",
            About(
                "Batches per second that the producer sent again, and errors that it reported.",
                "0, with a few while a broker restarts.",
                "steady: a broker has no room, no leader or no certificate. The log line names the error.",
            ),
            [Query(zeroed(rate(f"kafka_producer_{what}_total")), what) for what in ("retries", "errors")],
            [runbook("TodoRelayFailures"), board("todo-kafka"), errors()],
            w=6,
            thresholds=steps((None, GREEN), (0.1, ORANGE)),
        ),
    ]
    return [panel.needing("kafka") for panel in panels]
