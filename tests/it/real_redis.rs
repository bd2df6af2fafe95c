//! Limits that two processes share through a real Redis.

use std::process::Command;

use crate::support::{World, server, until};

async fn status(world: &World) -> u16 {
    world.client.get(format!("{}/.well-known/jwks.json", world.base)).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn real_two_processes_share_a_budget_and_go_on_without_redis() {
    if server("TODO_TEST_REDIS_URL").is_none() {
        return;
    }
    // A server of its own, because it is stopped in the middle.
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut redis = Command::new("redis-server")
        .current_dir(folder.path())
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--logfile", "log"])
        .spawn()
        .unwrap();
    until("redis listens", || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
    let flags = [
        format!("limits.redis_url=redis://127.0.0.1:{port}"),
        "limits.redis_timeout_ms=1000".to_owned(),
        "limits.address_per_minute=1".to_owned(),
        "limits.address_burst=10".to_owned(),
    ];
    let (one, two) = (World::with(&flags).await, World::with(&flags).await);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(status(&one).await);
        statuses.push(status(&two).await);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 429, 429], "ten in all, not ten each");

    redis.kill().unwrap();
    redis.wait().unwrap();
    // Local limits are fresh: requests go on at once, and the metric says so.
    assert_eq!(status(&one).await, 200);
    let metrics = one.client.get(format!("{}/metrics", one.admin)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("rate_limit_redis_up 0"));
    let fallbacks = metrics.lines().find(|line| line.starts_with("rate_limit_fallback_total")).unwrap();
    assert!(fallbacks.rsplit(' ').next().unwrap().parse::<u64>().unwrap() >= 1);
    one.running.stop().await;
    two.running.stop().await;
}
