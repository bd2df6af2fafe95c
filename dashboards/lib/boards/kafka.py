"""todo-kafka: the brokers, as their JMX exporter tells it."""

from __future__ import annotations

from ..dashboard import Dashboard, Row
from ..expr import gauge, rate, select
from ..links import Link, board, runbook
from ..panels import GREEN, RED, About, Panel, Query, any_is_bad, bargauge, high, low, stat, steps, timeseries

UID = "todo-kafka"
MARKER = "kafka_server_replica_manager_under_replicated_partitions"
TOPICS = "kafka_server_broker_topic_metrics"


def dashboard() -> Dashboard:
    """The brokers are another job than the service, so the variables are made of one of their metrics."""
    rows = [
        Row("Is the cluster well?", _now()),
        Row("Traffic by topic", _traffic()),
        Row("Brokers", _brokers()),
        Row("Logs of topics", _sizes()),
    ]
    text = "The Kafka brokers: replication, controller, traffic, requests, disk. Needs the JMX exporter in each broker."
    return Dashboard(UID, "todo / Kafka brokers", text, rows, marker=MARKER, extra_tags=("kafka",))


def _to(uid: str) -> Link:
    return board(uid, here=UID)


def _jmx(panels: list[Panel]) -> list[Panel]:
    return [panel.needing("jmx") for panel in panels]


def _now() -> list[Panel]:
    return _jmx(
        [
            stat(
                "Brokers up",
                "none",
                About(
                    "Brokers that Prometheus can scrape.",
                    "all of the cluster, three by default.",
                    "two of three still serve with min.insync.replicas 2; one does not take writes any more.",
                ),
                [Query(gauge("sum", "up"), "up")],
                [runbook("TodoKafkaBrokersLost"), _to("todo-events")],
                thresholds=low(2, 3),
            ),
            stat(
                "Active controllers",
                "none",
                About(
                    "Brokers that say that they are the controller.",
                    "exactly 1.",
                    "0 for longer than an election: no topic can change its leader. 2: the network is split.",
                ),
                [Query(gauge("sum", "kafka_controller_active_controller_count"), "controllers")],
                [runbook("KafkaNoController"), _to("todo-events")],
                thresholds=steps((None, RED), (1, GREEN), (2, RED)),
            ),
            *_replication(),
        ]
    )


def _replication() -> list[Panel]:
    return [
        stat(
            "Without a leader",
            "none",
            About(
                "Partitions that nobody serves.",
                "0.",
                "events of their users wait in the outbox. Bring the brokers back that hold their replicas.",
            ),
            [Query(gauge("max", "kafka_controller_offline_partitions_count"), "offline")],
            [runbook("KafkaOfflinePartitions"), _to("todo-events")],
            w=5,
            thresholds=any_is_bad(),
        ),
        stat(
            "With too few replicas",
            "none",
            About(
                "Partitions of which a replica is behind or away.",
                "0; above it for minutes while a broker restarts.",
                "for longer: a broker is away or its disk is slow. One more failure may stop writes.",
            ),
            [Query(gauge("sum", MARKER), "under-replicated")],
            [runbook("KafkaUnderReplicated"), _to("todo-events")],
            w=5,
            thresholds=any_is_bad(),
        ),
        stat(
            "Idle handlers of the busiest",
            "percentunit",
            About(
                "Share of time in which the request handlers of the busiest broker had nothing to do.",
                "above 50 %.",
                "below 30 % requests queue: more brokers, more handlers, or fewer and larger batches.",
            ),
            [Query(gauge("min", "kafka_server_request_handler_idle_ratio"), "idle")],
            [runbook("KafkaHandlersBusy"), _to("todo-events")],
            w=6,
            thresholds=low(0.3, 0.5),
        ),
    ]


def _topic(title: str, metric: str, unit: str, what: str, normal: str, do: str) -> Panel:
    return timeseries(
        title,
        unit,
        About(what, normal, do),
        [Query(rate(f"{TOPICS}_{metric}_total", "topic"), "{{topic}}")],
        [_to("todo-events"), _to("todo-business")],
        stack=True,
    )


def _traffic() -> list[Panel]:
    return _jmx(
        [
            _topic(
                "Messages in",
                "messages_in",
                "ops",
                "Messages per second that the brokers took, by topic.",
                "as many as the relay gets acknowledged, and a few more of retries.",
                "less than the relay says: compare the names of the topics. A dlq topic that rises: dead letters.",
            ),
            _topic(
                "Bytes in",
                "bytes_in",
                "Bps",
                "Bytes per second that producers sent, by topic.",
                "follows the messages.",
                "more bytes for the same messages: events grew. Too large ones are refused and park their user.",
            ),
            _topic(
                "Bytes out",
                "bytes_out",
                "Bps",
                "Bytes per second that consumers read, by topic, without replication.",
                "the bytes in, times the consumer groups.",
                "0 while bytes come in: no consumer runs. A hill: one catches up after a pause.",
            ),
        ]
    )


def _brokers() -> list[Panel]:
    times = select("kafka_network_request_metrics_total_time_ms", 'request=~"Produce|FetchConsumer", quantile="0.99"')
    return _jmx(
        [
            timeseries(
                "Time of requests, p99",
                "ms",
                About(
                    "The 99th percentile of the time of a request at the slowest broker, by kind.",
                    "Produce below 50 ms. FetchConsumer up to 500 ms: it waits for messages.",
                    "Produce slow: a follower is behind (acks=all waits for it) or a disk is slow.",
                ),
                [Query(f"max by (request) ({times})", "{{request}}")],
                [runbook("KafkaHandlersBusy"), _to("todo-events")],
                thresholds=high(500, 1000),
            ),
            timeseries(
                "Idle handlers",
                "percentunit",
                About(
                    "Share of time in which the request handlers of each broker had nothing to do.",
                    "above 50 % at each.",
                    "one low: leaders are spread unevenly. All low: the cluster is too small.",
                ),
                [Query(gauge("min", "kafka_server_request_handler_idle_ratio", "instance"), "{{instance}}")],
                [runbook("KafkaHandlersBusy"), _to("todo-events")],
                top=1,
                thresholds=low(0.3, 0.5),
            ),
            timeseries(
                "Too few replicas, by leader",
                "none",
                About(
                    "Partitions that each broker leads and of which a replica is behind or away.",
                    "0.",
                    "the broker that is missing is the one that shows none. Look at its log and disk.",
                ),
                [Query(gauge("sum", MARKER, "instance"), "{{instance}}")],
                [runbook("KafkaUnderReplicated"), _to("todo-events")],
                thresholds=steps((None, GREEN), (1, RED)),
            ),
        ]
    )


def _sizes() -> list[Panel]:
    size = "kafka_log_size_bytes"
    return _jmx(
        [
            bargauge(
                "Size of each topic",
                "bytes",
                About(
                    "Bytes on disk, by topic, all replicas together.",
                    "constant, once the oldest messages are older than the retention.",
                    "see how fast it grows beside it, and how much disk the brokers have.",
                ),
                [Query(gauge("sum", size, "topic"), "{{topic}}")],
                [runbook("KafkaOfflinePartitions"), _to("todo-events")],
            ),
            timeseries(
                "Size on each broker",
                "bytes",
                About(
                    "Bytes of all logs on each broker.",
                    "even, and flat over a week.",
                    "growing: a retention is too long or missing. Uneven: partitions are spread unevenly.",
                ),
                [Query(gauge("sum", size, "instance"), "{{instance}}")],
                [runbook("KafkaOfflinePartitions"), _to("todo-events")],
            ),
            timeseries(
                "Largest partitions",
                "bytes",
                About(
                    "The ten largest partitions.",
                    "about as large as the others of their topic.",
                    "one much larger: one user writes far more than the others, since the key is the user.",
                ),
                [Query(f"topk(10, max by (topic, partition) ({select(size)}))", "{{topic}}-{{partition}}")],
                [_to("todo-events"), _to("todo-business")],
            ),
        ]
    )
