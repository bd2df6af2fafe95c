//! What the tests on real Kafka share: the clusters, and a reader that shares no code with the service.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use todo::events::{Record, Schemas, Topic};
use tokio::sync::OnceCell;

use crate::process;
use crate::support::{fresh_database, server};

/// PostgreSQL and Kafka as flags, with the topics made.
pub async fn flags() -> Option<(Vec<String>, String)> {
    static TOPICS: OnceCell<()> = OnceCell::const_new();
    let (url, brokers) = (server("TODO_TEST_POSTGRES_URL")?, server("TODO_TEST_KAFKA_BROKERS")?);
    let flags = vec![
        format!("storage.url={}", fresh_database(&url).await),
        "events.broker=kafka".to_owned(),
        format!("kafka.brokers={brokers}"),
    ];
    TOPICS.get_or_init(|| async { ensure_topics(&flags) }).await;
    Some((flags, brokers))
}

/// `todo topics ensure`, on the cluster that the flags name.
pub fn ensure_topics(flags: &[String]) {
    let sets = flags.iter().flat_map(|flag| ["--set", flag]);
    let output = Command::new(process::TODO).args(["topics", "ensure"]).args(sets).output().unwrap();
    let says = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{says} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(says.lines().count(), 6, "the topics and those of their dead letters: {says}");
}

/// A message as kcat reads it.
pub struct Message {
    pub topic: Topic,
    pub key: String,
    pub value: String,
    headers: HashMap<String, String>,
}

impl From<Record> for Message {
    fn from(record: Record) -> Self {
        let headers = record.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { topic: record.topic, key: record.key.to_string(), value: record.value, headers }
    }
}

/// Everything in the topics, read by kcat: a client that shares no code with the service.
pub fn read_back(brokers: &str) -> Vec<Message> {
    let mut all = Vec::new();
    read_each(brokers, |message| all.push(message));
    all
}

/// The same, one message after the other: each partition in its order, and a user is in one of them.
pub fn read_each(brokers: &str, mut see: impl FnMut(Message)) {
    for topic in Topic::ALL {
        let mut reader = Command::new("kcat")
            .args(["-b", brokers, "-C", "-t", topic.name(), "-o", "beginning", "-e", "-q", "-J"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("kcat is installed by scripts/setup test");
        for line in BufReader::new(reader.stdout.take().unwrap()).lines() {
            let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let headers = message["headers"].as_array().unwrap();
            see(Message {
                topic,
                key: text(&message["key"]),
                value: text(&message["payload"]),
                headers: headers.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            });
        }
        assert!(reader.wait().unwrap().success());
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Checks the messages of `users`: dense numbers over all topics, in order within each, right by schema and headers.
/// Returns each user's values by number.
pub fn check(messages: &[Message], users: &HashSet<String>) -> BTreeMap<String, BTreeMap<i64, Value>> {
    let mut checker = Checker::new(users);
    for message in messages {
        checker.see(message);
    }
    let values = |by_seq: BTreeMap<i64, String>| {
        by_seq.into_iter().map(|(seq, value)| (seq, serde_json::from_str(&value).unwrap())).collect()
    };
    checker.dense().into_iter().map(|(user, by_seq)| (user, values(by_seq))).collect()
}

/// What [`check`] does, for messages that are not kept.
pub struct Checker<'a> {
    schemas: Schemas,
    users: &'a HashSet<String>,
    found: BTreeMap<String, BTreeMap<i64, String>>,
    last: HashMap<(Topic, String), i64>,
    /// How many came more than once.
    pub repeated: usize,
}

impl<'a> Checker<'a> {
    pub fn new(users: &'a HashSet<String>) -> Self {
        let schemas = Schemas::embedded().unwrap();
        Self { schemas, users, found: BTreeMap::new(), last: HashMap::new(), repeated: 0 }
    }

    pub fn see(&mut self, message: &Message) {
        if !self.users.contains(&message.key) {
            return;
        }
        let value: Value = serde_json::from_str(&message.value).unwrap();
        let seq: i64 = message.headers["seq"].parse().unwrap();
        self.schemas.check(message.topic, &value).unwrap();
        assert_eq!(value["userId"], message.key.as_str());
        assert_eq!(message.headers["ce_specversion"], "1.0");
        assert_eq!(message.headers["ce_id"], value["eventId"].as_str().unwrap());
        assert_eq!(message.headers["ce_type"], value["eventType"].as_str().unwrap());
        assert_eq!(message.headers["ce_dataschema"], message.topic.dataschema());
        assert_eq!(message.headers["content-type"], "application/json");
        let by_seq = self.found.entry(message.key.clone()).or_default();
        if let Some(before) = by_seq.insert(seq, message.value.clone()) {
            self.repeated += 1;
            assert_eq!(before, message.value, "user {}: {seq} came as two events", message.key);
        } else {
            // A first occurrence: nothing later came before it.
            let before = self.last.insert((message.topic, message.key.clone()), seq).unwrap_or(0);
            assert!(before < seq, "user {}: {seq} came after {before}", message.key);
        }
    }

    /// Each user's values by number, without a hole.
    pub fn dense(self) -> BTreeMap<String, BTreeMap<i64, String>> {
        for (user, by_seq) in &self.found {
            let numbers = by_seq.keys().copied();
            assert!(numbers.eq(1..=i64::try_from(by_seq.len()).unwrap()), "user {user}: there are holes");
        }
        self.found
    }
}

/// Three brokers of a test's own, because it kills them. Clients come over TLS with SCRAM-SHA-512; the reader beside
/// them over plain connections.
pub struct Cluster {
    folder: tempfile::TempDir,
    servers: PathBuf,
    /// Of the first broker, without TLS.
    pub port: u16,
    /// One such cluster at a time: they share the ports, and the machine.
    _alone: std::sync::MutexGuard<'static, ()>,
}

static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

impl Cluster {
    const USER: &str = "todo";
    const PASSWORD: &str = "a secret of the tests";

    /// Starts them. `None` without the servers' scripts.
    pub fn start() -> Option<Self> {
        let servers = PathBuf::from(server("TODO_TEST_SERVERS")?);
        let folder = tempfile::Builder::new().prefix("todo-kafka-").tempdir_in("/tmp").unwrap();
        // Far above the shared cluster and those of other checkouts.
        let base: u16 = server("TODO_TEST_KAFKA_PORT")?.parse().unwrap();
        certificate(folder.path());
        let pem = ["key.pem", "cert.pem"].map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
        std::fs::write(folder.path().join("keystore.pem"), pem.concat()).unwrap();
        let alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cluster = Self { folder, servers, port: base + 1000, _alone: alone };
        cluster.run("start", &[]);
        let scram = format!("SCRAM-SHA-512=[password={}]", Self::PASSWORD);
        let user = ["--entity-type", "users", "--entity-name", Self::USER];
        cluster.run_script("client", &[&["configs", "--alter", "--add-config", &scram][..], &user].concat());
        Some(cluster)
    }

    /// The service's flags for it.
    pub fn flags(&self) -> Vec<String> {
        let brokers: Vec<_> = (0..3).map(|n| format!("127.0.0.1:{}", self.port + 200 + n)).collect();
        vec![
            "events.broker=kafka".to_owned(),
            format!("kafka.brokers={}", brokers.join(",")),
            "kafka.tls=true".to_owned(),
            format!("kafka.ca_file={}", self.folder.path().join("cert.pem").display()),
            format!("kafka.sasl_username={}", Self::USER),
            format!("kafka.sasl_password={}", Self::PASSWORD),
        ]
    }

    /// Where the reader finds it.
    pub fn plain(&self) -> String {
        format!("127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}", self.port, self.port + 1, self.port + 2)
    }

    /// kill -9 of one of the three: 1 to 3.
    pub fn kill(&self, broker: u32) {
        self.run("kill-broker", &[&broker.to_string()]);
    }

    pub fn restart(&self, broker: u32) {
        self.run("start-broker", &[&broker.to_string()]);
    }

    /// kill -9 of all three.
    pub fn crash(&self) {
        self.run("stop", &["KILL"]);
    }

    pub fn recover(&self) {
        self.run("start", &[]);
    }

    fn run(&self, script: &str, arguments: &[&str]) {
        let data = self.folder.path().join("data");
        self.run_script(script, &[&[data.to_str().unwrap()][..], arguments].concat());
    }

    fn run_script(&self, script: &str, arguments: &[&str]) {
        let output = Command::new(self.servers.join("kafka").join(script))
            .args(arguments)
            .env("TODO_TEST_KAFKA_PORT", self.port.to_string())
            .env("TODO_TEST_KAFKA_JMX", "1")
            .env("TODO_TEST_KAFKA_PEM", self.folder.path().join("keystore.pem"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("stop", &["KILL"]);
    }
}

/// A self-signed certificate for 127.0.0.1: `key.pem` (PKCS#8) and `cert.pem`.
pub fn certificate(folder: &Path) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .output()
        .expect("openssl is installed by scripts/setup test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
