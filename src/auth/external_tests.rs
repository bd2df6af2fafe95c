use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::routing::get;
use chrono::TimeDelta;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

/// A provider as others run one: discovery, keys that can be changed, and a count of how often they were asked for.
struct Stub {
    base: String,
    keys: Arc<std::sync::Mutex<Value>>,
    asked: Arc<AtomicUsize>,
    down: Arc<std::sync::atomic::AtomicBool>,
}

impl Stub {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stub = Self {
            base: base.clone(),
            keys: Arc::new(std::sync::Mutex::new(json!({ "keys": [] }))),
            asked: Arc::default(),
            down: Arc::default(),
        };
        let (keys, asked, down) = (Arc::clone(&stub.keys), Arc::clone(&stub.asked), Arc::clone(&stub.down));
        let discovery = json!({ "issuer": base, "jwks_uri": format!("{base}/jwks") });
        let jwks = move || async move {
            asked.fetch_add(1, Ordering::SeqCst);
            let down = down.load(Ordering::SeqCst);
            let status = if down { axum::http::StatusCode::BAD_GATEWAY } else { axum::http::StatusCode::OK };
            (status, axum::Json(keys.lock().unwrap().clone()))
        };
        let router = axum::Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { axum::Json(discovery) }))
            .route("/jwks", get(jwks));
        tokio::spawn(async move { axum::serve(listener, router).await });
        stub
    }

    fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.public.clone()).collect();
        *self.keys.lock().unwrap() = json!({ "keys": keys });
    }

    fn provider(&self, clock: &Clock) -> Provider {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut config: Config =
            toml::from_str::<toml::Table>(include_str!("default.toml")).unwrap()["auth"].clone().try_into().unwrap();
        (config.external_issuer, config.external_audience) = (self.base.clone(), "todo".to_owned());
        Provider::of(&config, clock.clone()).unwrap().unwrap()
    }

    fn claims(&self, clock: &Clock) -> Value {
        let now = clock.now().timestamp();
        json!({ "iss": self.base, "aud": ["other", "todo"], "sub": "ann", "exp": now + 60, "name": "Ann" })
    }
}

struct Key {
    kid: &'static str,
    signing: EncodingKey,
    public: Jwk,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let signing = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::ES256).unwrap();
        public.common.key_id = Some(kid.to_owned());
        Self { kid, signing, public }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }
}

fn clock() -> Clock {
    Clock::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap())
}

fn is_invalid(outcome: &Result<External, Error>) -> bool {
    matches!(outcome, Err(Error::Invalid(_)))
}

#[tokio::test]
async fn a_providers_token_is_taken_and_its_keys_are_fetched_once() {
    let (stub, clock, key) = (Stub::start().await, clock(), Key::new("one"));
    stub.publish(&[&key]);
    let provider = stub.provider(&clock);
    let token = key.sign(&stub.claims(&clock));
    for _ in 0..10 {
        let external = provider.verify(&token).await.unwrap();
        assert_eq!((external.subject.as_str(), external.name.as_deref()), ("ann", Some("Ann")));
    }
    assert_eq!(stub.asked.load(Ordering::SeqCst), 1);
    clock.advance(TimeDelta::seconds(91));
    assert!(is_invalid(&provider.verify(&token).await), "expired");
}

#[tokio::test]
async fn wrong_and_missing_claims_are_refused() {
    let (stub, clock, key) = (Stub::start().await, clock(), Key::new("one"));
    stub.publish(&[&key]);
    let provider = stub.provider(&clock);
    let now = clock.now().timestamp();
    for (name, value) in [
        ("aud", json!("another")),
        ("aud", Value::Null),
        ("iss", json!("https://elsewhere.example")),
        ("iss", Value::Null),
        ("sub", Value::Null),
        ("exp", json!(now - 31)),
        ("exp", Value::Null),
        ("nbf", json!(now + 31)),
    ] {
        let mut claims = stub.claims(&clock);
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
        assert!(is_invalid(&provider.verify(&key.sign(&claims)).await), "{name}: {value}");
    }
}

#[tokio::test]
async fn a_key_of_ours_or_a_shared_secret_signs_nothing() {
    let (stub, clock, key) = (Stub::start().await, clock(), Key::new("one"));
    stub.publish(&[&key]);
    let provider = stub.provider(&clock);
    let claims = stub.claims(&clock);
    // Another's key under the same name.
    assert!(is_invalid(&provider.verify(&Key::new("one").sign(&claims)).await));
    // HMAC with the public key as its secret.
    let secret = EncodingKey::from_secret(serde_json::to_string(&key.public).unwrap().as_bytes());
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    assert!(is_invalid(&provider.verify(&jsonwebtoken::encode(&header, &claims, &secret).unwrap()).await));
    // The right signature of another algorithm's name.
    let token = key.sign(&claims).replacen("eyJ", "eyK", 1);
    assert!(is_invalid(&provider.verify(&token).await));
}

#[tokio::test]
async fn a_new_key_is_found_and_unknown_ones_do_not_flood_the_provider() {
    let (stub, clock) = (Stub::start().await, clock());
    let (old, new) = (Key::new("old"), Key::new("new"));
    stub.publish(&[&old]);
    let provider = stub.provider(&clock).with_pause(Duration::ZERO);
    provider.verify(&old.sign(&stub.claims(&clock))).await.unwrap();
    stub.publish(&[&new]);
    provider.verify(&new.sign(&stub.claims(&clock))).await.unwrap();
    assert!(is_invalid(&provider.verify(&old.sign(&stub.claims(&clock))).await), "a retired key");
    let asked = stub.asked.load(Ordering::SeqCst);
    let provider = stub.provider(&clock);
    for _ in 0..20 {
        assert!(is_invalid(&provider.verify(&Key::new("unknown").sign(&stub.claims(&clock))).await));
    }
    assert_eq!(stub.asked.load(Ordering::SeqCst), asked + 1, "twenty unknown names, one question");
}

#[tokio::test]
async fn while_the_provider_is_down_known_keys_go_on() {
    let (stub, clock, key) = (Stub::start().await, clock(), Key::new("one"));
    stub.publish(&[&key]);
    let provider = stub.provider(&clock).with_pause(Duration::ZERO);
    let token = key.sign(&stub.claims(&clock));
    provider.verify(&token).await.unwrap();
    stub.down.store(true, Ordering::SeqCst);
    provider.verify(&token).await.unwrap();
    assert!(is_invalid(&provider.verify(&Key::new("unknown").sign(&stub.claims(&clock))).await));
    provider.verify(&token).await.unwrap();
    // Nothing is known at all: that is not the caller's fault.
    let fresh = stub.provider(&clock);
    assert!(matches!(fresh.verify(&token).await, Err(Error::Unavailable(_))));
}
