//! Check 12: what is produced fits its schema, and every released one before it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;
use todo::events::Topic;
use todo::events::registry::history;

use super::figure;
use crate::contract::{life, named};
use crate::kafka::{Checker, flags, read_each};
use crate::support::World;

/// The versions of a topic's schema that were ever released and the present one, as a reader has them: what a registry
/// gets, which is open to types and members that came later.
fn versions(topic: Topic) -> Vec<jsonschema::Validator> {
    history(topic).unwrap().iter().map(|schema| jsonschema::validator_for(schema).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_old_consumers_read_what_is_produced_today() {
    let Some((flags, brokers)) = flags().await else { return };
    let world = World::with(&[flags, crate::webhooks::flags(None)].concat()).await;
    let person = world.person("ann@example.org").await;
    crate::tasks::journey(&person).await;
    life(&world, &person).await;
    let validators: BTreeMap<_, _> = Topic::ALL.into_iter().map(|topic| (topic.name(), versions(topic))).collect();
    let users = HashSet::from([person.id.to_string()]);
    let mut checker = Checker::new(&users);
    let (mut types, mut looks) = (BTreeSet::new(), 0);
    tokio::task::block_in_place(|| {
        read_each(&brokers, |message| {
            checker.see(&message);
            if users.contains(&message.key) {
                let value: Value = serde_json::from_str(&message.value).unwrap();
                for validator in &validators[message.topic.name()] {
                    assert!(validator.is_valid(&value), "{value}");
                    looks += 1;
                }
                types.insert(value["eventType"].as_str().unwrap().to_owned());
            }
        });
    });
    let events = checker.dense().values().map(BTreeMap::len).sum::<usize>();
    assert_eq!(types, &named(Topic::Todo) | &named(Topic::User), "every type there is");
    figure(12, &format!("{events} events of {} types fit {looks} of {looks} versions of their schemas", types.len()));
    world.running.stop().await;
}
