//! TLS on the API's port, with certificates that a real OpenSSL made and a real OpenSSL checks.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::kafka::certificate;
use crate::support::{World, server, until};

/// What `openssl s_client` sees: whether the handshake succeeded, and its words.
fn handshake(address: &str, options: &[&str]) -> (bool, String) {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", address])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn trusting(folder: &Path) -> reqwest::Client {
    let pem = std::fs::read(folder.join("cert.pem")).unwrap();
    let root = reqwest::Certificate::from_pem(&pem).unwrap();
    reqwest::Client::builder().tls_certs_only([root]).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_tls_is_1_3_only_and_a_changed_certificate_is_taken() {
    if server("TODO_TEST_SERVERS").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let flags = [format!("http.tls_cert_file={}", path("cert.pem")), format!("http.tls_key_file={}", path("key.pem"))];
    let world = World::with(&flags).await;
    let address = world.base.trim_start_matches("http://").to_owned();
    let url = format!("https://{address}/api/openapi.json");

    let response = trusting(folder.path()).get(&url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
    assert!(response.headers().contains_key("strict-transport-security"));
    let pem = std::fs::read(folder.path().join("cert.pem")).unwrap();
    let old = reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]);
    let response = old.http1_only().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_11));
    let (modern, says) = tokio::task::block_in_place(|| handshake(&address, &["-tls1_3"]));
    assert!(modern && says.contains("TLSv1.3"), "{says}");
    let (old, says) = tokio::task::block_in_place(|| handshake(&address, &["-tls1_2"]));
    assert!(!old, "{says}");

    // A broken pair changes nothing; a good one is taken without a restart.
    let first = trusting(folder.path());
    std::fs::write(folder.path().join("cert.pem"), "not a certificate").unwrap();
    until("the reload is refused and counted", || async {
        let text = world.client.get(format!("{}/metrics", world.admin)).send().await.unwrap().text().await.unwrap();
        text.contains("tls_certificate_reloads_total{outcome=\"error\"}")
    })
    .await;
    assert_eq!(first.get(&url).send().await.unwrap().status().as_u16(), 200);
    certificate(folder.path());
    until("the new certificate is shown", || async {
        trusting(folder.path()).get(&url).send().await.is_ok_and(|response| response.status().as_u16() == 200)
    })
    .await;
    world.running.stop().await;
}
