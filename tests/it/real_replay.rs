//! `todo events replay` on real Kafka: to another topic, and to the events' own, read back by another client.

use std::collections::HashSet;
use std::process::Command;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;

use crate::kafka::{check, flags, read_back, text};
use crate::process::TODO;
use crate::support::{World, uuid_text};

/// Its success, and what it says.
fn replay(flags: &[String], arguments: &[&str]) -> (bool, String) {
    let sets = flags.iter().flat_map(|flag| ["--set", flag]);
    let output = Command::new(TODO).args(["events", "replay"]).args(arguments).args(sets).output().unwrap();
    let says = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), says)
}

async fn make_topic(brokers: &str, name: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let new = NewTopic::new(name, 3, TopicReplication::Fixed(1));
    admin.create_topics([&new], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
}

fn read(brokers: &str, topic: &str) -> Vec<Value> {
    let arguments = ["-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"];
    let output = Command::new("kcat").args(arguments).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn real_a_replay_goes_to_another_topic_and_to_its_own() {
    const ALL: [&str; 2] = ["--from", "2026-01-01T00:00:00Z"];
    let Some((flags, brokers)) = flags().await else { return };
    let world = World::with(&flags).await;
    let people = [world.person("ann@example.org").await, world.person("bob@example.org").await];
    for n in 0..15 {
        for person in &people {
            person.task(&format!("t{n}")).await;
        }
    }
    world.drained().await;
    let topic = format!("replay-{}", uuid_text());
    let elsewhere = [&ALL[..], &["--to", &topic]].concat();
    let (done, says) = replay(&flags, &elsewhere);
    assert!(!done && says.contains("has no topic") && says.lines().count() == 1, "{says}");
    make_topic(&brokers, &topic).await;
    let (done, says) = replay(&flags, &[&elsewhere[..], &["--dry-run"]].concat());
    assert!(done && says.trim() == "34 event(s) would be replayed", "{says}");
    let (done, says) = replay(&flags, &elsewhere);
    assert!(done && says.trim() == "34 event(s) replayed", "{says}");
    let messages = read(&brokers, &topic);
    for person in &people {
        let log = todo::events::changes(&world.running.app().db, person.id, 0, 100).await.unwrap();
        let its_own: Vec<_> =
            messages.iter().filter(|message| text(&message["key"]) == person.id.to_string()).collect();
        assert_eq!(its_own.len(), 17, "registered, signed in, and the tasks");
        for (message, change) in its_own.iter().zip(&log) {
            assert_eq!(text(&message["payload"]), change.event.get(), "in order, byte for byte");
            let headers = message["headers"].as_array().unwrap();
            let header = |name: &str| text(&headers.chunks(2).find(|pair| text(&pair[0]) == name).unwrap()[1]);
            assert_eq!((header("seq"), header("ce_specversion")), (change.seq.to_string(), "1.0".to_owned()));
            assert!(header("replayed-at").ends_with('Z'));
        }
    }
    // To their own topics: repetitions, which change nothing for who reads by `seq`.
    let id = people[0].id.to_string();
    let (done, says) = replay(&flags, &["--from", "3", "--user", &id, "--topic", "todo-events"]);
    assert!(done && says.trim() == "15 event(s) replayed", "{says}");
    let found = check(&read_back(&brokers), &HashSet::from([id.clone()]));
    assert_eq!(found[&id].len(), 17);
    world.running.stop().await;
}

#[test]
fn a_replay_that_cannot_be_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let memory = vec![format!("storage.url=sqlite:{}/todo.db", folder.path().display())];
    let kafka = [memory.clone(), vec!["events.broker=kafka".to_owned()]].concat();
    assert!(Command::new(TODO).args(["migrate", "--set", &memory[0]]).output().unwrap().status.success());
    for (flags, arguments, word) in [
        (&memory, &["--from", "2026-01-01T00:00:00Z"][..], "memory"),
        (&kafka, &["--from", "7"], "--user"),
        (&kafka, &["--from", "2026-01-01T00:00:00Z", "--to", "user-events"], "--to"),
        (&kafka, &["--from", "7", "--user", "01a20f7a-e959-7fc4-aeec-db650da10f7f"], "no account"),
    ] {
        let (done, says) = replay(flags, arguments);
        assert!(!done && says.contains(word) && says.lines().count() == 1, "{says}");
    }
    assert!(replay(&memory, &["--from", "yesterday"]).1.contains("2026-11-24T09:00:00Z"));
}
