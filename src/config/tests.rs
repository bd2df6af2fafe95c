use std::io::Write as _;

use super::*;

fn load(environment: &[(&str, &str)], flags: &[&str]) -> Result<(Config, Vec<String>), Mistakes> {
    let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    Config::load(&Sources { file: None, environment, flags: &flags })
}

fn keys(mistakes: &Mistakes) -> Vec<&str> {
    mistakes.0.iter().map(|mistake| mistake.key.as_str()).collect()
}

#[test]
fn the_defaults_are_right_and_warn_of_nothing() {
    let (config, warnings) = load(&[], &[]).unwrap();
    assert!(config.storage.is_sqlite());
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn every_default_key_has_a_comment() {
    for text in DEFAULTS {
        let mut commented = false;
        for line in text.lines() {
            let is_key = line.contains(" = ") && !line.starts_with('#');
            // Keys that belong together may share one comment.
            assert!(!is_key || commented, "no comment above: {line}");
            commented = line.starts_with('#') || (is_key && commented);
        }
    }
}

#[test]
fn later_sources_win_and_text_takes_the_type_of_the_default() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "[http]\nmax_in_flight = 7\nbody_limit_bytes = 4096\n[telemetry]\ntrace_sample_ratio = 1\n").unwrap();
    let sources = Sources {
        file: Some(file.path()),
        environment: [
            ("TODO__HTTP__MAX_IN_FLIGHT".to_owned(), "8".to_owned()),
            ("TODO__HTTP__CORS_ORIGINS".to_owned(), "https://a.example, https://b.example".to_owned()),
            ("TODO__AUTH__GENERATE_KEYS".to_owned(), "true".to_owned()),
        ]
        .into(),
        flags: &["http.max_connections=9".to_owned(), "events.retry_ladder_ms=100, 2000".to_owned()],
    };
    let (config, _) = Config::load(&sources).unwrap();
    assert_eq!((config.http.max_in_flight, config.http.max_connections, config.http.body_limit_bytes), (8, 9, 4096));
    assert_eq!(config.http.cors_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.events.retry_ladder_ms, [100, 2000]);
    let mistakes = load(&[("TODO__WEBHOOKS__RETRY_LADDER_MS", "100,soon")], &[]).unwrap_err();
    assert!(mistakes.to_string().contains("must be a list with commas, each a whole number"), "{mistakes}");
}

#[test]
fn a_secret_may_come_from_a_file() {
    use secrecy::ExposeSecret as _;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "postgres://todo:s3cret@db/todo").unwrap();
    let path = file.path().to_str().unwrap();
    let (config, _) = load(&[("TODO__STORAGE__URL_FILE", path)], &[]).unwrap();
    assert_eq!(config.storage.url.expose_secret(), "postgres://todo:s3cret@db/todo");
}

#[test]
fn all_mistakes_are_told_at_once_and_no_secret_with_them() {
    let mistakes = load(
        &[
            ("TODO__STORAGE__URL", "mysql://root:hunter2@db"),
            ("TODO__HTTP__MAX_IN_FLIGHT", "many"),
            ("TODO__HTTP__LISTEN", "everywhere"),
            ("TODO__EVENTS__BROKER", "rabbit"),
            ("TODO__NO__SUCH", "1"),
            ("TODO__LIMITS__REDIS_URL_FILE", "/does/not/exist"),
        ],
        &["auth.access_token_seconds=1", "nonsense"],
    )
    .unwrap_err();
    assert_eq!(
        keys(&mistakes),
        [
            "--set",
            "TODO__LIMITS__REDIS_URL_FILE",
            "TODO__NO__SUCH",
            "[events]",
            "[http]",
            "auth.access_token_seconds",
            "http.max_in_flight",
            "storage.url",
        ]
    );
    assert!(!mistakes.to_string().contains("hunter2"));
}

#[test]
fn risky_pairs_warn() {
    let (_, warnings) =
        load(&[("TODO__TELEMETRY__ENVIRONMENT", "production"), ("TODO__HTTP__LISTEN", "0.0.0.0:8080")], &[]).unwrap();
    let all = warnings.join("\n");
    assert!(!all.contains("webhooks."), "{all}");
    let (_, risky) = load(&[], &["webhooks.allow_private=true", "webhooks.timeout_ms=20000"]).unwrap();
    assert_eq!(risky.iter().filter(|says| says.starts_with("webhooks.")).count(), 2, "{risky:?}");
    for says in ["SQLite in production", "auth.generate_keys in production", "without TLS"] {
        assert!(all.contains(says), "{says}: {all}");
    }
}
