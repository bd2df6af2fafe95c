//! Logs, traces, propagation and metrics; first in, last out.
pub mod propagation;
