//! Check 1: the service, killed under writes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use todo::storage::Db;

use super::writers::{Writers, client, people};
use super::{compare, drained, figure, setting};
use crate::kafka::flags;
use crate::process::Process;
use crate::support::{config, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_killed_service_loses_no_acknowledged_write() {
    let Some((mut flags, brokers)) = flags().await else { return };
    let kills = setting("TODO_TEST_KILLS", 5, 50);
    let folder = tempfile::tempdir().unwrap();
    // Each start has another port: a token must outlive it.
    flags.extend(["events.relay_lease_ms=1000", "auth.issuer=http://chaos.test"].map(str::to_owned));
    let client = client();
    let start = || tokio::task::block_in_place(|| Process::start(folder.path(), &flags));
    let first = start();
    let (tokens, users) = people(&client, &first.api, 4).await;
    let (mut process, mut written) = (Some(first), Vec::new());
    for round in 1..=kills {
        let running = process.take().unwrap_or_else(start);
        let writers = Writers::start(&client, &running.api, &tokens);
        until("there are writes", || async { writers.done.load(Ordering::SeqCst) >= 20 }).await;
        // At another moment of the relay's work each time.
        tokio::time::sleep(Duration::from_millis(round * 37 % 200)).await;
        running.kill();
        written.extend(writers.stop().await.0);
    }
    let last = start();
    let db = Db::open(&config(folder.path(), &flags).storage).unwrap();
    drained(&db).await;
    let found = compare(&db, &brokers, &users, &written).await;
    figure(1, &format!("{kills} kills of the service under writes: {found}"));
    assert_eq!(tokio::task::block_in_place(|| last.terminate()), Some(0));
}
