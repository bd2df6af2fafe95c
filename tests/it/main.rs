//! The one integration binary. What needs real servers is in modules whose names begin with `real_`.

mod accounts;
mod architecture;
mod kafka;
mod process;
mod real_chaos;
mod real_kafka;
mod real_postgres;
mod real_redis;
mod statements;
mod support;
mod tasks;
mod writers;
