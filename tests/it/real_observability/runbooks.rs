//! Every command of the runbooks, as somebody who was woken up types it: it must do what it says, on the real servers. What
//! needs the cluster says so in its line and is not run here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use reqwest::Url;
use todo::events::consumer::{Failure, Handler, Ladder, Processor};
use uuid::Uuid;

use super::{Server, client};
use crate::consumers::{Scripted, make_table, message};
use crate::kafka::{certificate, flags};
use crate::process::{Process, TODO};
use crate::support::{World, server, until};
use crate::tour;

const CLUSTER: &str = "# (needs the cluster)";

/// The runbooks by their names, in their order.
fn pages() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/runbooks");
    let mut pages: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    let read = |page: &PathBuf| {
        // Blocks of a list are indented.
        let text: Vec<_> = std::fs::read_to_string(page).unwrap().lines().map(|line| line.trim().to_owned()).collect();
        (page.file_name().unwrap().to_str().unwrap().to_owned(), text.join("\n"))
    };
    pages.iter().map(read).collect()
}

/// What stands in blocks of this language in the runbooks: the page and the block, in their order.
fn blocks(language: &str) -> Vec<(String, String)> {
    let pages = pages();
    let all =
        pages.iter().flat_map(|(page, text)| tour::blocks(text, language).into_iter().map(move |block| (page, block)));
    all.map(|(page, block)| (page.clone(), block.to_owned())).collect()
}

/// The searches of the log, those in blocks and those within a sentence.
fn searches() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (page, text) in pages() {
        // One backquote is an odd number, and so are three: what they enclose has an odd place.
        let quoted = text.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains("{service_name="));
        all.extend(quoted.map(|search| (page.clone(), search.trim_start_matches("logql\n").to_owned())));
    }
    all
}

/// Letters that nobody has decided about, of a user whose events all fail.
async fn bury(world: &World, count: i64) -> Vec<String> {
    let app = world.running.app();
    make_table(&app.db).await;
    let handler = Scripted::new("test");
    handler.fails(|_, _| Err(Failure::Reject("never".to_owned())));
    let handler: Arc<dyn Handler> = handler;
    let processor = Processor::new(app.db.clone(), handler, app.clock.clone(), app.ids.clone(), Ladder::new(&[1]));
    let user = app.ids.uuid();
    let batch: Vec<_> = (1..=count).map(|seq| message(&app.ids, user, seq)).collect();
    processor.process(&batch).await.unwrap();
    let url = format!("{}/dead-letters", world.admin);
    let list: serde_json::Value = world.client.get(url).send().await.unwrap().json().await.unwrap();
    list["results"].as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
}

/// Where the commands are run: what the names in the runbooks stand for here.
struct Bench<'a> {
    folder: &'a Path,
    /// The settings of the service, as its environment has them.
    environment: Vec<(String, String)>,
    path: String,
    admin: String,
    alertmanager: &'a Server,
    user: Uuid,
    letters: Vec<String>,
}

impl Bench<'_> {
    fn new<'a>(folder: &'a Path, tools: &str, flags: &[String], alertmanager: &'a Server) -> Bench<'a> {
        std::os::unix::fs::symlink(TODO, folder.join("todo")).unwrap();
        std::fs::write(folder.join("todo.toml"), "[http]\nbody_limit_bytes = 65536\n").unwrap();
        let name = |key: &str| format!("TODO__{}", key.replace('.', "__").to_uppercase());
        let environment =
            flags.iter().map(|flag| flag.split_once('=').unwrap()).map(|(key, value)| (name(key), value.to_owned()));
        // Those that serve need ports of their own.
        let listen = ["http.listen", "http.admin_listen"].map(|key| (name(key), "127.0.0.1:0".to_owned()));
        let path = format!("{}:{tools}:{}", folder.display(), std::env::var("PATH").unwrap());
        Bench {
            folder,
            environment: environment.chain(listen).collect(),
            path,
            admin: String::new(),
            alertmanager,
            user: Uuid::nil(),
            letters: Vec::new(),
        }
    }

    /// The command with what its names stand for.
    fn filled(&mut self, command: &str) -> String {
        let top = env!("CARGO_MANIFEST_DIR");
        let mut text = command
            .replace("http://INSTANCE:9090", &self.admin)
            .replace("http://ALERTMANAGER:9093", &self.alertmanager.url(0))
            .replace("/etc/alertmanager", self.alertmanager.folder.to_str().unwrap())
            .replace("/etc/prometheus/prometheus.yml", &format!("{top}/infra/observability/prometheus.yml"))
            .replace("/etc/todo/todo.toml", &self.folder.join("todo.toml").display().to_string())
            .replace("/etc/todo/tls/fullchain.pem", &self.folder.join("cert.pem").display().to_string())
            .replace("UUID", &self.user.to_string())
            .replace("SEQ", "1")
            .replace("--idle 10", "--idle 3");
        if text.ends_with(" ID") {
            let letter = self.letters.pop().expect("there are letters enough");
            text.truncate(text.len() - "ID".len());
            text.push_str(&letter);
        }
        // They would serve for ever: a stop must end them well.
        if text.starts_with("todo serve") { format!("timeout --preserve-status -s TERM 4 {text}") } else { text }
    }

    /// Its exit code, and what it says.
    fn run(&mut self, command: &str) -> (Option<i32>, String) {
        let output = Command::new("timeout")
            .args(["60", "bash", "-o", "pipefail", "-c", &self.filled(command)])
            .current_dir(self.folder)
            .env("PATH", &self.path)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let says = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), says)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_every_command_of_the_runbooks_does_what_it_says() {
    let Some((flags, _)) = flags().await else { return };
    let (Some(scripts), Some(tools)) = (server("TODO_TEST_SERVERS"), server("TODO_TEST_PROMETHEUS_BIN")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let alertmanager = Server::reserve("alertmanager", &scripts, folder.path(), 1);
    tokio::task::block_in_place(|| alertmanager.start(&["http://127.0.0.1:1"], &[]));
    let world = World::with(&flags).await;
    let person = world.person("ann@example.org").await;
    person.task("a task").await;
    world.drained().await;
    let mut bench = Bench::new(folder.path(), &tools, &flags, &alertmanager);
    (bench.admin, bench.user, bench.letters) = (world.admin.clone(), person.id, bury(&world, 8).await);
    let blocks = blocks("sh");
    let lines = blocks.iter().flat_map(|(page, block)| block.lines().map(move |line| (page, line)));
    let mut commands: Vec<_> = lines.filter(|(_, line)| !line.ends_with(CLUSTER)).collect();
    // Those about one letter first: another one decides about all of them.
    commands.sort_by_key(|(_, command)| !command.ends_with(" ID"));
    for (page, command) in &commands {
        assert!(!command.contains("kubectl"), "{page}: `{command}` must say {CLUSTER}");
        let (code, says) = tokio::task::block_in_place(|| bench.run(command));
        assert_eq!(code, Some(0), "{page}: `{command}` says: {says}");
    }
    assert!(commands.len() >= 30, "{}", commands.len());
}

/// A process that has copied to Loki a line of each level and of each status that the runbooks ask for, the error as soon as
/// the certificate is looked at.
async fn troubled(folder: &Path, loki: &str) -> Process {
    certificate(folder);
    let file = |name: &str| folder.join(name).display().to_string();
    let flags = [
        format!("telemetry.loki_url={loki}"),
        format!("http.tls_cert_file={}", file("cert.pem")),
        format!("http.tls_key_file={}", file("key.pem")),
    ];
    let process = tokio::task::block_in_place(|| Process::start(folder, &flags));
    let root = reqwest::Certificate::from_pem(&std::fs::read(file("cert.pem")).unwrap()).unwrap();
    let trusting = reqwest::Client::builder().tls_certs_merge([root]).build().unwrap();
    let refused = trusting.get(format!("{}/api/v1/me", process.api)).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    // Told of as a warning.
    let changed = client().put(format!("{}/log-filter", process.admin)).body("info").send().await.unwrap();
    assert_eq!(changed.status(), 200);
    process
}

/// What Loki finds: streams, or series where lines are counted.
async fn found(loki: &str, search: &str) -> Result<usize, String> {
    let url = Url::parse_with_params(&format!("{loki}/loki/api/v1/query_range"), [("query", search)]).unwrap();
    let answer = client().get(url).send().await.unwrap();
    if answer.status() != 200 {
        return Err(answer.text().await.unwrap());
    }
    let answer: serde_json::Value = answer.json().await.unwrap();
    Ok(answer["data"]["result"].as_array().unwrap().len())
}

/// Each search of the log is one that Loki understands, and what it asks of the labels is true of our lines: a level in
/// capitals, for one, would find nothing for ever. The words that it looks for are those of a trouble that is not here.
#[tokio::test(flavor = "multi_thread")]
async fn real_every_search_of_the_runbooks_asks_for_what_lines_have() {
    let Some(loki) = server("TODO_TEST_LOKI_URL") else { return };
    let folder = tempfile::tempdir().unwrap();
    let _process = troubled(folder.path(), &loki).await;
    let words = regex::Regex::new(r#"\|= *"[^"]*""#).unwrap();
    let searches = searches();
    assert!(searches.len() >= 12, "{searches:?}");
    let mut broken = 0;
    for (page, search) in searches {
        found(&loki, &search).await.unwrap_or_else(|says| panic!("{page}: {search}: {says}"));
        let of_labels = words.replace_all(&search, "").into_owned();
        until(&format!("{page}: something is found by {of_labels}"), || {
            // Another one each time: the process compares it with what it read before, whenever that was.
            broken += 1;
            std::fs::write(folder.path().join("cert.pem"), format!("not a certificate: {broken}")).unwrap();
            let (loki, of_labels) = (&loki, &of_labels);
            async move { found(loki, of_labels).await.unwrap() > 0 }
        })
        .await;
    }
}
