//! The reference consumers on real Kafka: the two programs of `docs/consumers.md`, and `todo consume`. Each event comes
//! to each of them more than once, and counts once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Connection as _;
use todo::events::{Broker as _, KafkaBroker, Record, Topic};
use todo::kernel::{Clock, Ids};
use uuid::Uuid;

use crate::kafka::flags;
use crate::process::TODO;
use crate::support::{config, server, until};

const USERS: usize = 20;
/// The last `seq` before the consumer ends and begins again, and the last of all.
const HALF: i64 = 10;
const LAST: i64 = 20;

struct Stage {
    flags: Vec<String>,
    brokers: String,
    broker: KafkaBroker,
    ids: Ids,
    users: Vec<Uuid>,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Option<Self> {
        let (flags, brokers) = flags().await?;
        let folder = tempfile::tempdir().unwrap();
        let broker = KafkaBroker::connect(&config(folder.path(), &flags).kafka).unwrap();
        let ids = Ids::system(Clock::system());
        let users = (0..USERS).map(|_| ids.uuid()).collect();
        Some(Self { flags, brokers, broker, ids, users, folder })
    }

    fn group(&self) -> String {
        format!("reference-{}", self.ids.uuid())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn publish(&self, seqs: std::ops::RangeInclusive<i64>) {
        let batch = seqs.flat_map(|seq| self.users.iter().map(move |user| (*user, seq)));
        let batch = batch.map(|(user, seq)| self.record(user, seq)).collect();
        let outcomes = self.broker.publish(batch).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }

    /// The first half, some of it twice. The last event comes last: who has it has read the repetitions too.
    async fn publish_first_half(&self) {
        self.publish(1..=HALF - 1).await;
        self.publish(4..=HALF - 1).await;
        self.publish(HALF..=HALF).await;
    }

    /// The second half, some of it twice.
    async fn publish_second_half(&self) {
        self.publish(HALF + 1..=LAST - 1).await;
        self.publish(HALF + 3..=LAST - 1).await;
        self.publish(LAST..=LAST).await;
    }

    fn record(&self, key: Uuid, seq: i64) -> Record {
        let value = json!({
            "eventId": self.ids.uuid(), "eventType": "TASK_CREATED", "timestamp": Clock::system().now(), "userId": key,
            "payload": { "taskId": self.ids.uuid(), "title": seq.to_string(), "completed": false }
        });
        Record { topic: Topic::Todo, key, value: value.to_string(), headers: vec![("seq", seq.to_string())] }
    }

    /// Waits until every user's event `last` is in what the consumer has done.
    async fn reaches(&self, last: i64, mut done: impl AsyncFnMut() -> Vec<(String, i64)>) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let found = done().await;
            if self.users.iter().all(|user| found.contains(&(user.to_string(), last))) {
                return;
            }
            assert!(Instant::now() < deadline, "the consumer is not at {last} within a minute: {}", found.len());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Each of these events once, and each user's in order.
    fn check(&self, done: &[(String, i64)], seqs: std::ops::RangeInclusive<i64>) {
        for user in &self.users {
            let user = user.to_string();
            let found: Vec<_> = done.iter().filter(|(whose, _)| *whose == user).map(|(_, seq)| *seq).collect();
            assert_eq!(found, seqs.clone().collect::<Vec<_>>(), "{user}");
        }
    }

    /// A program that keeps what it did in a file: the second run has lost its offsets, and not its file.
    async fn keeps_each_event_once(
        &self,
        start: impl Fn(&str) -> Program,
        mut done: impl AsyncFnMut() -> Vec<(String, i64)>,
    ) {
        self.publish_first_half().await;
        let first = start(&self.group());
        self.reaches(HALF, &mut done).await;
        first.terminate().await;
        self.check(&done().await, 1..=HALF);
        self.publish_second_half().await;
        let second = start(&self.group());
        self.reaches(LAST, &mut done).await;
        second.terminate().await;
        self.check(&done().await, 1..=LAST);
    }
}

/// A consumer in a process of its own; killed when dropped.
struct Program(Child);

impl Program {
    fn start(command: &mut Command, out: &Path) -> Self {
        let out = std::fs::File::create(out).unwrap();
        Self(command.stdin(Stdio::null()).stdout(out).spawn().unwrap())
    }

    /// SIGTERM; returns the exit code.
    async fn terminate(mut self) -> Option<i32> {
        assert!(Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap().success());
        let mut code = None;
        until("it ends", || {
            let ended = self.0.try_wait().unwrap();
            code = ended.and_then(|status| status.code());
            async move { ended.is_some() }
        })
        .await;
        code
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/consumers").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn real_the_python_consumer_keeps_each_event_once() {
    let (Some(stage), Some(client)) = (Stage::open().await, server("TODO_TEST_KAFKA_PYTHON")) else { return };
    let file = stage.path("events.db");
    let start = |group: &str| {
        let mut python = Command::new("python3");
        python.arg(program("consumer.py")).args([&stage.brokers, group, "todo-events"]).arg(&file);
        Program::start(python.env("PYTHONPATH", &client), &stage.path("out"))
    };
    let done = async || {
        let url = format!("sqlite:{}", file.display());
        // Nothing yet, while the program has not made its tables.
        let Ok(mut db) = sqlx::SqliteConnection::connect(&url).await else { return Vec::new() };
        let rows = sqlx::query_as("SELECT user, seq FROM effects ORDER BY rowid").fetch_all(&mut db).await;
        rows.unwrap_or_default()
    };
    stage.keeps_each_event_once(start, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_the_java_consumer_keeps_each_event_once() {
    let (Some(stage), Some(jars)) = (Stage::open().await, server("TODO_TEST_KAFKA_HOME")) else { return };
    let folder = stage.path("events");
    std::fs::create_dir(&folder).unwrap();
    let start = |group: &str| {
        let mut java = Command::new("java");
        java.args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        java.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", &format!("{jars}/*")]);
        java.arg(program("Consumer.java")).args([&stage.brokers, group, "todo-events"]).arg(&folder);
        Program::start(&mut java, &stage.path("out"))
    };
    let done = async || {
        let number = |line: &str| line.split(' ').next().unwrap().parse().unwrap();
        let of = |user: &Uuid| {
            let text = std::fs::read_to_string(folder.join(user.to_string())).unwrap_or_default();
            text.lines().map(|line| (user.to_string(), number(line))).collect::<Vec<(String, i64)>>()
        };
        stage.users.iter().flat_map(of).collect()
    };
    stage.keeps_each_event_once(start, done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_todo_consume_prints_each_event_once_and_goes_on_where_it_was() {
    let Some(stage) = Stage::open().await else { return };
    let (out, group) = (stage.path("out"), stage.group());
    let consume = |group: &str, more: &[&str]| {
        let mut todo = Command::new(TODO);
        todo.args(["consume", "todo-events", "--json", "--group", group]).args(more);
        todo.args(stage.flags.iter().flat_map(|flag| ["--set", flag]));
        todo
    };
    let printed = || {
        let text = std::fs::read_to_string(&out).unwrap_or_default();
        // The last line may be half there.
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        // Events of other tests have other titles.
        let event = |event: Value| {
            let seq = event["payload"]["title"].as_str()?.parse().ok()?;
            Some((event["userId"].as_str()?.to_owned(), seq))
        };
        events.filter_map(event).collect::<Vec<(String, i64)>>()
    };
    stage.publish_first_half().await;
    let first = Program::start(&mut consume(&group, &[]), &out);
    stage.reaches(HALF, async || printed()).await;
    assert_eq!(first.terminate().await, Some(0));
    stage.check(&printed(), 1..=HALF);
    // It keeps what it saw in memory: that nothing of the first half comes again is the offsets' doing.
    stage.publish_second_half().await;
    let second = Program::start(&mut consume(&group, &[]), &out);
    stage.reaches(LAST, async || printed()).await;
    assert_eq!(second.terminate().await, Some(0));
    stage.check(&printed(), HALF + 1..=LAST);
    let few = tokio::task::spawn_blocking({
        let mut few = consume(&stage.group(), &["--max", "7", "--idle", "50"]);
        move || few.output().unwrap()
    });
    let few = few.await.unwrap();
    let lines = String::from_utf8(few.stdout).unwrap().lines().count();
    assert_eq!((few.status.code(), lines), (Some(0), 7), "{}", String::from_utf8_lossy(&few.stderr));
}
