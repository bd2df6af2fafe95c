use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;

struct World {
    folder: tempfile::TempDir,
    clock: Clock,
    ring: Arc<KeyRing>,
    tokens: Tokens,
    actor: Actor,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap());
    let ids = Ids::system(clock.clone());
    let (lifetime, keys) = (TimeDelta::minutes(15), folder.path().join("keys"));
    let ring = Arc::new(KeyRing::open(&keys, true, clock.clone(), &ids, lifetime + LEEWAY * 2).unwrap());
    let tokens =
        Tokens::new(Arc::clone(&ring), clock.clone(), ids.clone(), "https://us".into(), "api".into(), lifetime);
    let actor =
        Actor { user_id: ids.uuid(), session_id: Some(ids.uuid()), channel: Channel::Person, scopes: Scopes::ALL };
    World { folder, clock, ring, tokens, actor }
}

fn parts(token: &str) -> (Value, Value) {
    let read = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    let mut parts = token.split('.');
    (read(parts.next().unwrap()), read(parts.next().unwrap()))
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Signs any header and claims with our own key: what only a mistake of ours could produce.
fn forge(world: &World, header: &Value, claims: &Value) -> String {
    let input = format!("{}.{}", part(header), part(claims));
    let signed =
        world.ring.signing(|key| Ok(jsonwebtoken::crypto::sign(input.as_bytes(), &key.signing, ALGORITHM).unwrap()));
    format!("{input}.{}", signed.unwrap())
}

#[test]
fn a_token_tells_who_it_was_issued_for() {
    let world = world();
    let token = world.tokens.issue(&world.actor, FIRST_PARTY).unwrap();
    assert_eq!(world.tokens.verify(&token).unwrap(), world.actor);
    // Again, from memory.
    assert_eq!(world.tokens.verify(&token).unwrap(), world.actor);
    let (header, claims) = parts(&token);
    assert_eq!((&header["typ"], &header["alg"], &claims["aud"]), (&json!("at+jwt"), &json!("ES256"), &json!("api")));
    let program = world.tokens.issue(&world.actor, "a-script").unwrap();
    assert_eq!(world.tokens.verify(&program).unwrap().channel, Channel::ApiToken);
}

#[test]
fn it_ends_after_its_lifetime_also_when_it_is_remembered() {
    let world = world();
    let token = world.tokens.issue(&world.actor, FIRST_PARTY).unwrap();
    world.tokens.verify(&token).unwrap();
    world.clock.advance(TimeDelta::minutes(15) + TimeDelta::seconds(29));
    world.tokens.verify(&token).unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    assert!(world.tokens.verify(&token).is_err());
}

#[test]
fn every_wrong_claim_or_header_is_refused() {
    let world = world();
    let (header, claims) = parts(&world.tokens.issue(&world.actor, FIRST_PARTY).unwrap());
    world.tokens.verify(&forge(&world, &header, &claims)).unwrap();
    let bad_headers = [
        ("typ", json!("JWT")),
        ("typ", json!(null)),
        ("alg", json!("ES384")),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("kid", json!("another")),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", world.ring.jwks()["keys"][0].clone()),
        ("crit", json!(["exp"])),
    ];
    for (name, value) in bad_headers {
        let mut header = header.clone();
        header[name] = value.clone();
        assert!(world.tokens.verify(&forge(&world, &header, &claims)).is_err(), "{name}: {value}");
    }
    for (name, value) in [
        ("iss", json!("https://them")),
        ("aud", json!("other-api")),
        ("exp", json!(1_700_000_000)),
        ("exp", json!("soon")),
        ("iat", json!(1_790_000_000)),
        ("sub", json!("root")),
        ("scope", json!("tasks:fly")),
    ] {
        let mut claims = claims.clone();
        claims[name] = value.clone();
        assert!(world.tokens.verify(&forge(&world, &header, &claims)).is_err(), "{name}: {value}");
    }
}

#[test]
fn algorithms_cannot_be_confused() {
    let world = world();
    let (header, claims) = parts(&world.tokens.issue(&world.actor, FIRST_PARTY).unwrap());
    // No signature at all.
    let mut none = header.clone();
    none["alg"] = json!("none");
    assert!(world.tokens.verify(&format!("{}.{}.", part(&none), part(&claims))).is_err());
    // The public key as the secret of an HMAC.
    let public = world.ring.jwks()["keys"][0].to_string();
    let mut symmetric = header.clone();
    symmetric["alg"] = json!("HS256");
    let input = format!("{}.{}", part(&symmetric), part(&claims));
    let key = EncodingKey::from_secret(public.as_bytes());
    let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &key, Algorithm::HS256).unwrap();
    assert!(world.tokens.verify(&format!("{input}.{signature}")).is_err());
}

#[test]
fn a_changed_or_oversized_token_is_refused() {
    let world = world();
    let token = world.tokens.issue(&world.actor, FIRST_PARTY).unwrap();
    let (header, mut claims) = parts(&token);
    claims["scope"] = json!("tasks:read");
    let signature = token.rsplit('.').next().unwrap();
    assert!(world.tokens.verify(&format!("{}.{}.{signature}", part(&header), part(&claims))).is_err());
    assert!(world.tokens.verify(&"x".repeat(MAX_LENGTH + 1)).is_err());
}

#[test]
fn rotation_publishes_first_then_signs_then_retires() {
    let world = world();
    let folder = world.folder.path().join("keys");
    let kids = || -> Vec<String> {
        let jwks = world.ring.jwks();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let old = world.tokens.issue(&world.actor, FIRST_PARTY).unwrap();
    let old_kid = parts(&old).0["kid"].as_str().unwrap().to_owned();

    KeyRing::rotate(&folder, world.clock.now() + TimeDelta::minutes(1)).unwrap();
    world.ring.reload().unwrap();
    assert_eq!(kids().len(), 2, "the coming key is published before it signs");
    let still_old = world.tokens.issue(&world.actor, FIRST_PARTY).unwrap();
    assert_eq!(parts(&still_old).0["kid"], old_kid.as_str());

    world.clock.advance(TimeDelta::minutes(2));
    let new = world.tokens.issue(&world.actor, FIRST_PARTY).unwrap();
    assert_ne!(parts(&new).0["kid"], old_kid.as_str());
    world.tokens.verify(&old).unwrap();
    world.tokens.verify(&new).unwrap();

    world.clock.advance(TimeDelta::minutes(16));
    assert!(!kids().contains(&old_kid), "the old key is retired once its last token has expired");
    let (header, mut claims) = parts(&old);
    claims["exp"] = json!((world.clock.now() + TimeDelta::minutes(5)).timestamp());
    let input = format!("{}.{}", part(&header), part(&claims));
    assert!(world.tokens.verify(&format!("{input}.{}", old.rsplit('.').next().unwrap())).is_err());
}

#[test]
fn a_key_that_everybody_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world();
    let key = world.folder.path().join("keys/0.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(world.ring.reload().unwrap_err().to_string().contains("everybody can read it"));
    // The ring goes on with what it had.
    world.tokens.verify(&world.tokens.issue(&world.actor, FIRST_PARTY).unwrap()).unwrap();
}

#[test]
fn two_first_starts_agree_on_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let open = || {
        let ids = Ids::system(clock.clone());
        KeyRing::open(&folder.path().join("k"), true, clock.clone(), &ids, TimeDelta::minutes(1)).unwrap().jwks()
    };
    assert_eq!(open(), open());
}

#[test]
fn a_refresh_token_has_one_successor() {
    let world = world();
    let token = super::super::opaque::new(super::super::opaque::REFRESH, &Ids::system(world.clock.clone()));
    let next = world.ring.successor(&token);
    assert_eq!(next, world.ring.successor(&token));
    assert!(next != token && next.len() == token.len() && next.starts_with("todo_rt_"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_refused_and_nothing_panics(text in ".*", a in "[A-Za-z0-9_-]{0,80}", b in "[A-Za-z0-9_-]{0,80}") {
        let world = world();
        proptest::prop_assert!(world.tokens.verify(&text).is_err());
        let shaped = format!("{a}.{b}.{a}");
        proptest::prop_assert!(world.tokens.verify(&shaped).is_err());
    }
}
