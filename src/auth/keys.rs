//! Signing keys: a folder of PEM files, each with the time from which it signs in its name.
//!
//! **Rotation with overlap.** The newest activated key signs. A key that is not active yet is published already, so
//! that every instance knows it before the first token comes; an older one verifies until the last token that it
//! signed has expired. All of that follows from the file names and the clock: instances need not talk.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};

use super::Error;
use super::metrics::KEY_CREATED;
use crate::kernel::{Clock, Ids};

/// The algorithm of our tokens: ES256 (RFC 7518 section 3.4).
pub(super) const ALGORITHM: Algorithm = Algorithm::ES256;

/// One key of the ring.
pub(super) struct Key {
    /// From when it signs.
    pub(super) active_from: DateTime<Utc>,
    /// When it was made: from when it signs; of the first one, which signs from the beginning of time, when it was written.
    made: DateTime<Utc>,
    /// RFC 7638 thumbprint.
    pub(super) kid: String,
    pub(super) signing: EncodingKey,
    pub(super) verifying: DecodingKey,
    public: Jwk,
}

/// All keys of this service.
pub struct KeyRing {
    folder: std::path::PathBuf,
    clock: Clock,
    /// How long a key verifies after its successor began to sign.
    overlap: TimeDelta,
    keys: ArcSwap<Vec<Key>>,
    /// Derives successors of refresh tokens and audit hashes.
    server_key: [u8; 32],
}

impl KeyRing {
    /// Reads the folder. With `generate`, what is missing is made; two processes that start at once agree, because
    /// the first file that appears wins.
    pub fn open(folder: &Path, generate: bool, clock: Clock, ids: &Ids, overlap: TimeDelta) -> Result<Self, Error> {
        if generate {
            make_folder(folder)?;
            create_once(&folder.join("server.key"), STANDARD.encode(ids.bytes::<32>()).as_bytes())?;
            if read_keys(folder)?.is_empty() {
                // A fixed name: of two first starts one file wins, and both read it.
                create_once(&folder.join("0.pem"), generate_pem()?.as_bytes())?;
            }
        }
        let server_key = read_server_key(&folder.join("server.key"))?;
        let ring = Self { folder: folder.to_owned(), clock, overlap, keys: ArcSwap::default(), server_key };
        ring.reload()?;
        Ok(ring)
    }

    /// Reads the folder again: a mounted secret changes in place. On an error the keys stay as they were.
    pub fn reload(&self) -> Result<(), Error> {
        let keys = read_keys(&self.folder)?;
        let now = self.clock.now();
        let Some(signing) = keys.iter().rev().find(|key| key.active_from <= now) else {
            return Err(Error::Keys(format!(
                "{} has no active key: run `todo user rotate-keys`",
                self.folder.display()
            )));
        };
        let made = u32::try_from(signing.made.timestamp()).unwrap_or_default();
        metrics::gauge!(KEY_CREATED).set(f64::from(made));
        self.keys.store(keys.into());
        Ok(())
    }

    /// Adds a key that signs from `active_from` on. Give other instances time to read it before: a minute is plenty.
    pub fn rotate(folder: &Path, active_from: DateTime<Utc>) -> Result<(), Error> {
        make_folder(folder)?;
        create_once(&folder.join(format!("{}.pem", active_from.timestamp())), generate_pem()?.as_bytes())
    }

    /// The public keys (RFC 7517), the coming one included.
    pub fn jwks(&self) -> Value {
        let keys = self.keys.load();
        let usable: Vec<_> = self.usable(&keys).map(|key| &key.public).collect();
        json!({ "keys": usable })
    }

    /// Runs `with` on the key that signs now.
    pub(super) fn signing<T>(&self, with: impl FnOnce(&Key) -> Result<T, Error>) -> Result<T, Error> {
        let (keys, now) = (self.keys.load(), self.clock.now());
        let key = keys.iter().rev().find(|key| key.active_from <= now);
        with(key.ok_or_else(|| Error::Keys("no key is active".to_owned()))?)
    }

    /// Runs `with` on the key named `kid`, if it is still one that verifies.
    pub(super) fn verifying<T>(&self, kid: &str, with: impl FnOnce(&Key) -> T) -> Option<T> {
        self.usable(&self.keys.load()).find(|key| key.kid == kid).map(with)
    }

    pub(super) fn server_key(&self) -> &[u8; 32] {
        &self.server_key
    }

    fn usable<'a>(&self, keys: &'a [Key]) -> impl Iterator<Item = &'a Key> {
        let alive_since = self.clock.now() - self.overlap;
        keys.iter().enumerate().filter_map(move |(index, key)| {
            let successor = keys.get(index + 1).map(|next| next.active_from);
            successor.is_none_or(|from| from > alive_since).then_some(key)
        })
    }
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Keys(format!("{}: {error}", path.display()))
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| wrong(folder, &error))
}

/// Writes the file unless it exists: complete or not at all.
fn create_once(path: &Path, content: &[u8]) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if path.exists() {
        return Ok(());
    }
    let draft = path.with_extension(format!("tmp-{}", std::process::id()));
    let _ = fs::remove_file(&draft);
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    // A hard link fails when the name is taken: the first writer wins.
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(wrong(path, &error)),
        _ => Ok(()),
    }
}

/// Refuses a secret that everybody on the machine can read.
fn check_private(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_err(|error| wrong(path, &error))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(wrong(path, &"everybody can read it: run `chmod o-rwx` on it"));
    }
    Ok(())
}

fn read_server_key(path: &Path) -> Result<[u8; 32], Error> {
    check_private(path)?;
    let text = fs::read_to_string(path).map_err(|error| wrong(path, &error))?;
    let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
    bytes.try_into().map_err(|_| wrong(path, &"must hold 32 bytes in base64: `openssl rand -base64 32` makes one"))
}

fn read_keys(folder: &Path) -> Result<Vec<Key>, Error> {
    let entries = fs::read_dir(folder).map_err(|error| wrong(folder, &error))?;
    let mut keys = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| wrong(folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            keys.push(read_key(&path)?);
        }
    }
    keys.sort_by_key(|key| key.active_from);
    Ok(keys)
}

fn read_key(path: &Path) -> Result<Key, Error> {
    let seconds = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<i64>().ok());
    let active_from = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let active_from = active_from.ok_or_else(|| wrong(path, &"must be named `<unix seconds of activation>.pem`"))?;
    check_private(path)?;
    let pem = fs::read(path).map_err(|error| wrong(path, &error))?;
    let made = if active_from.timestamp() > 0 { active_from } else { written(path)? };
    let unusable =
        |error: jsonwebtoken::errors::Error| wrong(path, &format!("is not a P-256 key in PKCS#8 PEM: {error}"));
    let signing = EncodingKey::from_ec_pem(&pem).map_err(unusable)?;
    let mut public = Jwk::from_encoding_key(&signing, ALGORITHM).map_err(unusable)?;
    let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?;
    let verifying = DecodingKey::from_jwk(&public).map_err(unusable)?;
    public.common.key_id = Some(kid.clone());
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    public.common.key_algorithm = Some(KeyAlgorithm::ES256);
    Ok(Key { active_from, made, kid, signing, verifying, public })
}

fn written(path: &Path) -> Result<DateTime<Utc>, Error> {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    Ok(written.map_err(|error| wrong(path, &error))?.into())
}

fn generate_pem() -> Result<String, Error> {
    let failed = |_| Error::Keys("a key could not be generated".to_owned());
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
    let document = pair.to_pkcs8v1().map_err(failed)?;
    let base64 = STANDARD.encode(document.as_ref());
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}
