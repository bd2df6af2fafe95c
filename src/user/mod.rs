//! Room `user`.
