//! Opaque tokens: random, prefixed so that scanners find a leaked one, and stored as hashes only.
//!
//! **Why a refresh token's successor is derived.** At rest there are only hashes, yet a client whose answer was lost
//! must get the very same successor when it comes again. So the successor is an HMAC of the presented token under
//! the server's key: it can be computed again by who has the token and the key, and by nobody else. Fifty parallel
//! uses of one token give one successor: one lineage.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::KeyRing;
use crate::kernel::Ids;

/// Prefix of refresh tokens.
pub const REFRESH: &str = "todo_rt_";
/// Prefix of personal API tokens.
pub const PERSONAL: &str = "todo_pat_";

/// A new token.
pub fn new(prefix: &str, ids: &Ids) -> String {
    format!("{prefix}{}", ids.token())
}

/// What is stored of a token: SHA-256. A token has 256 bits of its own, so no slow hash is needed.
pub fn hash(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    out
}

impl KeyRing {
    /// The one successor of a refresh token.
    pub fn successor(&self, token: &str) -> String {
        format!("{REFRESH}{}", URL_SAFE_NO_PAD.encode(self.mac("refresh", token)))
    }

    /// The secret of a personal API token, from its id: nothing that could be read at rest.
    pub fn personal(&self, id: &str) -> String {
        format!("{PERSONAL}{}", URL_SAFE_NO_PAD.encode(self.mac("personal", id)))
    }

    /// The key that signs what goes to a webhook, from the webhook's id and the number of the secret: nothing that
    /// could be read at rest.
    pub fn webhook(&self, id: &str, version: i64) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.mac("webhook", &format!("{id}\0{version}")).as_ref());
        out
    }

    /// A short keyed hash for audit events: the same text gives the same hash, and nobody without the key can try texts.
    pub fn audit_hash(&self, text: &str) -> String {
        let mac = self.mac("audit", text);
        let head = mac.as_ref().iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        format!("{head:016x}")
    }

    fn mac(&self, purpose: &str, text: &str) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.server_key());
        hmac::sign(&key, format!("{purpose}\0{text}").as_bytes())
    }
}
