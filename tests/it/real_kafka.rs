//! On a real PostgreSQL and three real Kafka brokers: what people did is read back from the topics by another client.

use std::collections::HashSet;

use futures::stream::{self, StreamExt as _};

use crate::kafka::{check, flags, read_back};
use crate::support::{PASSWORD, World};

#[tokio::test]
async fn real_a_thousand_users_changes_arrive_whole_and_in_order() {
    let Some((flags, brokers)) = flags().await else { return };
    let world = World::with(&flags).await;
    let one = world.person("one@example.org").await;
    let log = crate::tasks::journey(&one).await;
    // The hash of a password costs 20 ms; here the accounts are made below the API, and their changes over it.
    let users: Vec<_> = stream::iter(0..1_000)
        .map(|n| {
            let accounts = &world.running.app().accounts;
            async move { accounts.register(format!("u{n}@example.org"), PASSWORD.to_owned().into()).await.unwrap() }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let tasks = &world.running.app().tasks;
    stream::iter(&users)
        .for_each_concurrent(32, |user| async move {
            let actor = todo::kernel::Actor {
                user_id: *user,
                session_id: None,
                channel: todo::kernel::Channel::Person,
                scopes: todo::kernel::Scopes::ALL,
            };
            for n in 0..3 {
                let input = todo::task::Input { title: Some(format!("task {n}")), ..todo::task::Input::default() };
                let made = tasks.create(&actor, input.parse().unwrap(), None).await.unwrap();
                let todo::task::Outcome::Done(task) = made else { panic!("a replay without a key") };
                tasks.complete(&actor, task.id, &todo::task::Expect::Any, None).await.unwrap();
            }
        })
        .await;
    world.drained().await;
    let mut keys: HashSet<_> = users.iter().map(ToString::to_string).collect();
    keys.insert(one.id.to_string());
    let found = check(&read_back(&brokers), &keys);
    assert_eq!(found.len(), 1_001);
    assert!(users.iter().all(|user| found[&user.to_string()].len() == 7));
    // Byte for byte what the log has.
    for change in log["results"].as_array().unwrap() {
        assert_eq!(found[&one.id.to_string()][&change["seq"].as_i64().unwrap()], change["event"]);
    }
    world.running.stop().await;
}
