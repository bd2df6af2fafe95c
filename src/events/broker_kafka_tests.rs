use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use uuid::Uuid;

use super::*;

fn record(title: &str) -> Record {
    let value = format!("{{\"title\":\"{title}\"}}");
    Record { topic: Topic::Todo, key: Uuid::from_u128(7), value, headers: vec![("seq", "1".to_owned())] }
}

fn broker(cluster: &MockCluster<'_, rdkafka::producer::DefaultProducerContext>) -> KafkaBroker {
    let mut config: KafkaConfig =
        toml::from_str::<toml::Table>(include_str!("default.toml")).unwrap()["kafka"].clone().try_into().unwrap();
    config.brokers = cluster.bootstrap_servers();
    KafkaBroker::connect(&config).unwrap()
}

#[tokio::test]
async fn a_producer_with_a_fatal_error_is_replaced() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(Topic::Todo.name(), 1, 1).unwrap();
    let broker = broker(&cluster);
    assert_eq!(broker.publish(vec![record("a")]).await, [Ok(())]);
    // The broker says that the producer's sequence is not the one that it knows: data was lost.
    let lost = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::Produce, &[lost]);
    let first = broker.producer.load_full();
    let outcomes = broker.publish(vec![record("b")]).await;
    assert!(matches!(outcomes[0], Err(PublishError::Transient(_))), "{outcomes:?}");
    assert!(first.client().fatal_error().is_some());
    assert_eq!(broker.publish(vec![record("b")]).await, [Ok(())], "the next try goes through a new producer");
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_holds_back_its_own_key_only() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(Topic::Todo.name(), 1, 1).unwrap();
    let other = Record { key: Uuid::from_u128(8), ..record("other") };
    let outcomes = broker(&cluster).publish(vec![record(&"x".repeat(2_000_000)), record("later"), other]).await;
    assert!(matches!(outcomes[0], Err(PublishError::Permanent(_))), "{outcomes:?}");
    assert_eq!(outcomes[1..], [Err(PublishError::Held), Ok(())]);
}
