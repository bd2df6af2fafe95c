//! On a real PostgreSQL and three real Kafka brokers: what people did is read back from the topics by another client.

use crate::endtoend::{Issuer, arrived, thousand};
use crate::kafka::{flags, read_back};
use crate::support::World;

// On one thread the service, which is a whole process elsewhere, and 32 people would wait for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_thousand_users_changes_arrive_whole_and_in_order() {
    let Some((mut flags, brokers)) = flags().await else { return };
    let issuer = Issuer::start().await;
    flags.extend(issuer.flags());
    // It is about what arrives. Beside it twenty processes may be starting on the same two cores, and a request that waits for
    // a connection longer than it is worth to a person is refused.
    flags.push("storage.acquire_timeout_ms=9000".to_owned());
    let world = World::with(&flags).await;
    let (users, one, log) = thousand(&world, &issuer).await;
    arrived(&read_back(&brokers), &users, &one, &log);
    world.running.stop().await;
}
