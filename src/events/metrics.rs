//! The metric names of the event rooms.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Events that did not fit their schema and were not written.
pub const SCHEMA_REFUSED: &str = "events_schema_refused_total";
/// Events that a broker acknowledged or refused, by topic and outcome.
pub const PUBLISHED: &str = "messaging_client_published_messages_total";
/// Time from a change to its acknowledgement.
pub const DELAY: &str = "outbox_publish_delay_seconds";
/// Time of one batch at the broker.
pub const BATCH: &str = "relay_batch_duration_seconds";
/// Events that no broker has acknowledged yet.
pub const BACKLOG: &str = "outbox_backlog";
/// Age of the oldest of them: 0 when there is none, NaN when it is not known.
pub const OLDEST: &str = "outbox_oldest_unpublished_age_seconds";
/// Users whose events a broker refuses for good.
pub const PARKED: &str = "outbox_parked_keys";
/// When the three above were last true, seconds since 1970.
pub const SAMPLED: &str = "outbox_sampled_timestamp_seconds";
/// Shards that this relay owns.
pub const SHARDS_HELD: &str = "relay_shards_held";
/// Failures of the relay by stage.
pub const FAILURES: &str = "relay_failures_total";
/// Kafka brokers that the producer is connected to.
pub const KAFKA_BROKERS_UP: &str = "kafka_producer_brokers_up";
/// Messages in the producer's queue.
pub const KAFKA_QUEUE: &str = "kafka_producer_queue_messages";
/// Bytes in the producer's queue.
pub const KAFKA_BYTES: &str = "kafka_producer_queue_bytes";
/// 99th percentile of the round trips to the slowest broker.
pub const KAFKA_ROUND_TRIP: &str = "kafka_producer_round_trip_p99_seconds";
/// Requests that the producer sent again.
pub const KAFKA_RETRIES: &str = "kafka_producer_retries_total";
/// Requests that the producer could not send or that brokers refused.
pub const KAFKA_ERRORS: &str = "kafka_producer_errors_total";

/// Events by consumer and outcome: applied, repeated, passed (over), failed.
pub const CONSUMED: &str = "consumer_events_total";
/// Time from a change to a consumer's effect.
pub const EFFECT_DELAY: &str = "consumer_effect_delay_seconds";
/// Published events that did not come to a consumer.
pub const GAPS: &str = "consumer_gaps_total";
/// Rounds in which a consumer's database did not answer.
pub const CONSUMER_FAILURES: &str = "consumer_failures_total";
/// Events that wait to be tried again.
pub const RETRIES_WAITING: &str = "consumer_retries_waiting";
/// Events that became dead letters.
pub const DEAD: &str = "consumer_dead_letters_total";
/// Dead letters that nobody has decided about.
pub const DEAD_LETTERS: &str = "dead_letters";
/// How far a consumer is behind the end of its topics.
pub const LAG: &str = "consumer_lag_messages";
/// Partitions that this member of a consumer's group has.
pub const ASSIGNED: &str = "consumer_assigned_partitions";
/// Assignments that this member got or gave up.
pub const REBALANCES: &str = "consumer_rebalances_total";
/// Requests of a consumer's Kafka client that failed.
pub const CLIENT_ERRORS: &str = "consumer_client_errors_total";

/// Describes them to the installed recorder.
pub fn describe() {
    describe_counter!(
        SCHEMA_REFUSED,
        Unit::Count,
        "Events refused before the write because they do not fit their schema"
    );
    describe_counter!(PUBLISHED, Unit::Count, "Events by topic and outcome at the broker");
    describe_histogram!(DELAY, Unit::Seconds, "Time from a change to the broker's acknowledgement of its event");
    describe_histogram!(BATCH, Unit::Seconds, "Time from sending a batch to its last acknowledgement");
    describe_gauge!(BACKLOG, "Events that no broker has acknowledged yet");
    describe_gauge!(OLDEST, Unit::Seconds, "Age of the oldest event that no broker has acknowledged; NaN when unknown");
    describe_gauge!(PARKED, "Users whose next event a broker refuses for good");
    describe_gauge!(SAMPLED, Unit::Seconds, "When the outbox was last sampled, as Unix time");
    describe_gauge!(SHARDS_HELD, "Shards of the outbox that this relay owns");
    describe_counter!(CONSUMED, Unit::Count, "Events by consumer and outcome: applied, repeated, passed, failed");
    describe_histogram!(EFFECT_DELAY, Unit::Seconds, "Time from a change to the consumer's effect");
    describe_counter!(GAPS, Unit::Count, "Published events that did not come to the consumer");
    describe_counter!(CONSUMER_FAILURES, Unit::Count, "Rounds in which the consumer's database did not answer");
    describe_gauge!(RETRIES_WAITING, "Events of the consumer that wait to be tried again");
    describe_counter!(DEAD, Unit::Count, "Events that the consumer gave up as dead letters");
    describe_gauge!(DEAD_LETTERS, "Dead letters of the topic that nobody has decided about");
    describe_gauge!(LAG, "Messages between the consumer and the end of the topic, over the partitions of this member");
    describe_gauge!(ASSIGNED, "Partitions that this member of the consumer's group has");
    describe_counter!(REBALANCES, Unit::Count, "Assignments of partitions that this member got or gave up");
    describe_counter!(CLIENT_ERRORS, Unit::Count, "Requests of the consumer's Kafka client that failed");
    describe_counter!(FAILURES, Unit::Count, "Failures of the relay by stage");
    describe_gauge!(KAFKA_BROKERS_UP, "Kafka brokers that the producer is connected to");
    describe_gauge!(KAFKA_QUEUE, "Messages in the Kafka producer's queue");
    describe_gauge!(KAFKA_BYTES, Unit::Bytes, "Bytes in the Kafka producer's queue");
    describe_gauge!(KAFKA_ROUND_TRIP, Unit::Seconds, "99th percentile of the round trips to the slowest Kafka broker");
    describe_counter!(KAFKA_RETRIES, Unit::Count, "Requests that the Kafka producer sent again");
    describe_counter!(KAFKA_ERRORS, Unit::Count, "Requests of the Kafka producer that failed");
}
