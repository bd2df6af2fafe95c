//! Tokens, keys and password hashing.
