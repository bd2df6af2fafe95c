//! Check 4: relays that freeze beyond their leases.

use std::time::Duration;

use todo::storage::Db;

use super::writers::{Writers, client, people};
use super::{compare, drained, figure, setting};
use crate::kafka::flags;
use crate::process::Process;
use crate::support::{config, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_relays_that_freeze_beyond_their_leases_keep_the_order() {
    let Some((mut flags, brokers)) = flags().await else { return };
    let pauses = setting("TODO_TEST_PAUSES", 4, 60);
    let folder = tempfile::tempdir().unwrap();
    flags.extend(["events.relay_lease_ms=1000", "storage.max_connections=6"].map(str::to_owned));
    let start = |roles: &str| tokio::task::block_in_place(|| Process::start_as(roles, folder.path(), &flags));
    let (api, client) = (start("api"), client());
    let relays = [start("relay"), start("relay"), start("relay")];
    let db = Db::open(&config(folder.path(), &flags).storage).unwrap();
    until("three relays share the work", || async { todo::events::holders(&db).await.unwrap().len() == 3 }).await;
    let (tokens, users) = people(&client, &api.api, 12).await;
    let writers = Writers::start(&client, &api.api, &tokens);
    let (mut frozen, mut dice) = (Duration::ZERO, 17_u64);
    for _ in 0..pauses {
        // A generator of Lehmer's, so that a run can be had again.
        dice = dice * 48_271 % 0x7fff_ffff;
        let relay = &relays[usize::try_from(dice % 3).unwrap()];
        let pause = Duration::from_millis(1_200 + dice / 3 % 1_800);
        relay.signal("STOP");
        tokio::time::sleep(pause).await;
        relay.signal("CONT");
        frozen += pause;
        tokio::time::sleep(Duration::from_millis(dice / 7 % 700)).await;
    }
    let (written, failed) = writers.stop().await;
    drained(&db).await;
    assert_eq!(failed, 0, "writes that failed");
    let found = compare(&db, &brokers, &users, &written).await;
    let frozen = frozen.as_secs_f64();
    figure(
        4,
        &format!("{pauses} times one of 3 relays frozen beyond its lease of 1 s ({frozen:.0} s in all): {found}"),
    );
}
