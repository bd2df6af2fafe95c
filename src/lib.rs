//! `todo`: a Todo with an assistant, as one observability-first modular monolith.
//!
//! The rooms, from the floor up; a room imports only from lower levels (`tests/it/architecture.rs` asserts it):
//!
//! | level | rooms |
//! |---|---|
//! | 0 | [`kernel`] |
//! | 1 | [`auth`], [`telemetry`], [`storage`], [`filter`], [`recurrence`], [`interop`] |
//! | 2 | [`events`], [`http`], [`quick`] |
//! | 3 | [`user`], [`task`], [`sync`], [`insights`], [`notification`], [`webhook`] |
//! | 5 | [`config`] |
//! | 6 | [`app`] |
//!
//! Level 3 will also hold `dapr`, and level 4 the `chat` slice.

pub mod app;
pub mod auth;
pub mod config;
pub mod events;
pub mod filter;
pub mod http;
pub mod insights;
pub mod interop;
pub mod kernel;
pub mod notification;
pub mod quick;
pub mod recurrence;
pub mod storage;
pub mod sync;
pub mod task;
pub mod telemetry;
pub mod user;
pub mod webhook;
