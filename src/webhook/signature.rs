//! Signatures as Standard Webhooks has them (<https://www.standardwebhooks.com>): HMAC-SHA256 over
//! `{webhook-id}.{webhook-timestamp}.{body}`.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A key that signs. It is made from the server's key when it is needed, and kept nowhere.
pub(super) struct Secret([u8; 32]);

impl Secret {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// As a receiver gets it.
    pub(super) fn text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// One signature, with its version. `timestamp` is in Unix seconds.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let signed = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(signed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by `openssl dgst -sha256 -mac HMAC`, with the key below in hexadecimal.
    #[test]
    fn it_is_what_another_program_computes() {
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(0_u8..) {
            *place = byte;
        }
        let secret = Secret::new(key);
        assert_eq!(secret.text(), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        assert_eq!(secret.sign("msg_1", 1_790_000_000, "{\"a\":1}"), "v1,y/YDzjGYS4offZmS+Djm0zypXSCuS7RgjQDPoMdA9nc=");
    }
}
