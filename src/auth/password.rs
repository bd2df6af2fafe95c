//! Passwords: NFKC, a policy, and Argon2id on threads of its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use super::Error;
use crate::kernel::{Ids, step};

/// The name in a request's trace, the wait for a thread included.
const STEP: &str = "password.hash";

/// Time to hash or verify one password, the wait included.
pub const DURATION: &str = "password_hash_duration_seconds";
/// Callers that wait for a hash.
pub const QUEUE: &str = "password_hash_queue";
/// Callers that were sent away because the queue was full.
pub const REFUSED: &str = "password_hash_refused_total";

/// Describes the room's metrics to the installed recorder.
pub fn describe() {
    describe_histogram!(DURATION, Unit::Seconds, "Time to hash or verify a password, the wait for a thread included");
    describe_gauge!(QUEUE, "Callers that wait for or use the password hasher");
    describe_counter!(REFUSED, Unit::Count, "Callers that were sent away because the password hasher's queue was full");
    metrics::gauge!(QUEUE).set(0.0);
    metrics::counter!(REFUSED).absolute(0);
}

/// One common password a line, lower case: the ones that attackers try first.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes and verifies. Clones share the threads and the queue.
#[derive(Clone)]
pub struct Hasher {
    argon2: Arc<Argon2<'static>>,
    ids: Ids,
    common: Arc<HashSet<&'static str>>,
    /// Verified for an unknown user, so that both answers take the same time.
    dummy: Arc<str>,
    queue: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Hasher {
    /// Argon2id with 19 MiB, two passes, one lane (OWASP's first choice): at most one core less than there are is
    /// busy with it, and at most `queue` callers wait.
    pub fn new(ids: Ids, queue: usize) -> Result<Self, Error> {
        let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| Error::Keys(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash_with(&argon2, "an account that does not exist", ids.bytes())?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            argon2: Arc::new(argon2),
            ids,
            common: Arc::new(COMMON.lines().filter(|line| !line.is_empty()).collect()),
            dummy: dummy.into(),
            queue: Arc::new(Semaphore::new(queue)),
            threads: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
        })
    }

    /// Checks a new password: 8 to 128 characters, not a common one, not the e-mail address or its first part.
    pub fn accept(&self, password: &SecretString, email: &str) -> Result<(), Error> {
        let text = normalize(password);
        let lower = text.to_lowercase();
        let local = email.split('@').next().unwrap_or_default();
        let weak = |code, says| Err(Error::WeakPassword { code, says });
        match text.chars().count() {
            0..8 => weak("too_short", "use at least 8 characters"),
            129.. => weak("too_long", "use at most 128 characters"),
            _ if self.common.contains(lower.as_str()) => {
                weak("too_common", "this is one of the passwords that are tried first: choose another")
            }
            _ if lower == email || lower == local => {
                weak("same_as_email", "do not use your e-mail address as password")
            }
            _ => Ok(()),
        }
    }

    /// Hashes a password to a PHC string.
    pub async fn hash(&self, password: &SecretString) -> Result<String, Error> {
        let (text, salt) = (normalize(password), self.ids.bytes());
        step(STEP, self.run(move |argon2| hash_with(argon2, &text, salt))).await?
    }

    /// Whether `password` is the one of `phc`. Without a hash (an unknown user) it costs the same and is false.
    pub async fn verify(&self, password: &SecretString, phc: Option<String>) -> Result<bool, Error> {
        let (text, known) = (normalize(password), phc.is_some());
        let phc = phc.unwrap_or_else(|| self.dummy.to_string());
        let fits = self.run(move |argon2| {
            let hash = PasswordHash::new(&phc).map_err(|error| Error::Keys(error.to_string()))?;
            Ok::<_, Error>(argon2.verify_password(text.as_bytes(), &hash).is_ok())
        });
        Ok(step(STEP, fits).await?? && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Argon2<'_>) -> T + Send + 'static) -> Result<T, Error> {
        let started = Instant::now();
        let Ok(_place) = self.queue.try_acquire() else {
            metrics::counter!(REFUSED).increment(1);
            return Err(Error::Busy { retry_after: Duration::from_secs(2) });
        };
        metrics::gauge!(QUEUE).increment(1.0);
        let _leave = Leave;
        let stopped = |_| Error::Unavailable("the password hasher has stopped".to_owned());
        let permit = Arc::clone(&self.threads).acquire_owned().await.map_err(stopped)?;
        let argon2 = Arc::clone(&self.argon2);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&argon2)
        });
        let outcome = done.await.map_err(|error| Error::Unavailable(error.to_string()));
        metrics::histogram!(DURATION).record(started.elapsed().as_secs_f64());
        outcome
    }
}

struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        metrics::gauge!(QUEUE).decrement(1.0);
    }
}

/// The same characters typed on two keyboards are the same password.
fn normalize(password: &SecretString) -> String {
    // What is longer than any password may be is cut before it costs anything.
    password.expose_secret().chars().take(1024).nfkc().collect()
}

fn hash_with(argon2: &Argon2<'_>, text: &str, salt: [u8; 16]) -> Result<String, Error> {
    let hash =
        argon2.hash_password_with_salt(text.as_bytes(), &salt).map_err(|error| Error::Keys(error.to_string()))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Clock;

    fn hasher(queue: usize) -> Hasher {
        Hasher::new(Ids::system(Clock::system()), queue).unwrap()
    }

    #[test]
    fn the_policy_names_what_is_wrong() {
        let hasher = hasher(1);
        for (password, code) in [
            ("short", "too_short"),
            ("Password123", "too_common"),
            ("ann.smith@example.org", "same_as_email"),
            ("Ann.Smith", "same_as_email"),
        ] {
            match hasher.accept(&password.into(), "ann.smith@example.org") {
                Err(Error::WeakPassword { code: found, .. }) => assert_eq!(found, code, "{password}"),
                other => panic!("{password}: {other:?}"),
            }
        }
        assert!(hasher.accept(&"x".repeat(129).into(), "a@b.c").is_err());
        hasher.accept(&"correct horse battery".into(), "a@b.c").unwrap();
        // Full-width letters are the same letters: still a common one.
        assert!(hasher.accept(&"ｐａｓｓｗｏｒｄ".into(), "a@b.c").is_err());
    }

    #[test]
    fn the_list_is_lower_case_and_long_enough_to_matter() {
        assert!(COMMON.lines().all(|line| line == line.to_lowercase()));
        assert!(COMMON.lines().count() >= 1_000);
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_however_it_was_typed() {
        let hasher = hasher(4);
        let phc = hasher.hash(&"Ｐａｓｓ wörd nine".into()).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify(&"Pass wo\u{308}rd nine".into(), Some(phc.clone())).await.unwrap());
        assert!(!hasher.verify(&"pass wörd nine".into(), Some(phc)).await.unwrap());
        assert!(!hasher.verify(&"an account that does not exist".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn past_the_queue_callers_are_told_to_come_back() {
        let hasher = hasher(1);
        let password = SecretString::from("whatever it is");
        let (first, second) = tokio::join!(hasher.hash(&password), hasher.hash(&password));
        assert!(first.is_ok() && matches!(second, Err(Error::Busy { .. })));
    }
}
