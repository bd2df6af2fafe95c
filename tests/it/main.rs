//! The one integration binary. What needs real servers is in modules whose names begin with `real_`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helper fails by panicking, as a test does"
)]

mod accounts;
mod architecture;
mod bulk;
mod canaries;
mod capture;
mod catalogue;
mod collections;
mod consumers;
mod contract;
mod converge;
mod dead_letters;
mod edge;
mod emitted;
mod endtoend;
mod filters_agree;
mod insights;
mod kafka;
mod live;
mod model;
mod notification_streams;
mod notifications;
mod observability;
mod process;
mod real_chaos;
mod real_consumers;
mod real_expand;
mod real_kafka;
mod real_observability;
mod real_postgres;
mod real_prometheus;
mod real_readers;
mod real_redis;
mod real_references;
mod real_registry;
mod real_replay;
mod real_tls;
mod receiver;
mod registry;
mod relay;
mod reminders;
mod replay;
mod retention;
mod search;
mod series;
mod statements;
mod support;
mod tags;
mod tap;
mod task_plans;
mod task_trees;
mod task_views;
mod tasks;
mod telemetry;
mod telemetry_counts;
mod tour;
mod transfer;
mod undo;
mod webhooks;
mod webhooks_api;
mod writers;
