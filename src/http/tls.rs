//! TLS 1.3 on the API's port, from PEM files that are read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use openssl::asn1::Asn1Time;
use openssl::x509::X509;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Config, metrics as names};

/// A certificate in use. Clones see the same reloads.
#[derive(Clone)]
pub struct Certificate {
    current: Arc<ArcSwap<ServerConfig>>,
    files: Arc<(PathBuf, PathBuf)>,
}

impl Certificate {
    /// Reads the configured files; `None` when TLS is off.
    pub fn open(config: &Config) -> Result<Option<Self>, String> {
        if config.tls_cert_file.is_empty() {
            return Ok(None);
        }
        let files = (PathBuf::from(&config.tls_cert_file), PathBuf::from(&config.tls_key_file));
        let current = read(&files.0, &files.1)?;
        Ok(Some(Self { current: Arc::new(ArcSwap::from_pointee(current)), files: Arc::new(files) }))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Looks for changed files every `period` until told to stop. Broken ones are told of and change nothing.
    pub async fn watch(self, period: Duration, stop: CancellationToken) {
        let content = || (std::fs::read(&self.files.0).ok(), std::fs::read(&self.files.1).ok());
        let mut known = content();
        let mut tick = tokio::time::interval(period);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let now = content();
            if now == known {
                continue;
            }
            let outcome = match read(&self.files.0, &self.files.1) {
                Ok(fresh) => {
                    self.current.store(Arc::new(fresh));
                    tracing::info!("the TLS certificate was reloaded");
                    "ok"
                }
                Err(error) => {
                    tracing::error!(error, "the changed TLS certificate is unusable: the old one stays");
                    "error"
                }
            };
            metrics::counter!(names::TLS_RELOADS, "outcome" => outcome).increment(1);
            known = now;
        }
    }
}

/// When a certificate ends, seconds since 1970.
fn not_after(certificate: &CertificateDer<'_>) -> Option<f64> {
    let certificate = X509::from_der(certificate).ok()?;
    let since = Asn1Time::from_unix(0).ok()?.diff(certificate.not_after()).ok()?;
    Some(f64::from(since.days) * 86_400.0 + f64::from(since.secs))
}

fn read(cert: &Path, key: &Path) -> Result<ServerConfig, String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|error| wrong(cert, &error))?;
    let chain_end = chain.iter().filter_map(|certificate| not_after(certificate)).reduce(f64::min);
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| wrong(cert, &error))?;
    if let Some(first) = chain_end {
        metrics::gauge!(names::TLS_NOT_AFTER).set(first);
    }
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
