//! The `todo` binary.

fn main() {}
