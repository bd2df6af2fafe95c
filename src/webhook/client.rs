//! Calls a receiver, and nobody else.
//!
//! **Invariants.** A name is resolved here and the addresses that pass are the ones that are connected to: there is no
//! second look-up that could answer otherwise (DNS rebinding). An address in the URL is not resolved, so it is looked at
//! before. No proxy of the environment stands in between, and no redirect leads elsewhere. Certificates are verified
//! as for every other connection of this service; TLS is 1.2 or newer. Of an answer only the status is used.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Response, Url, tls};
use uuid::Uuid;

use super::model::Answer;
use super::target::{self, Reach};

/// Read of an answer's body, so that the connection can serve again; past it the connection is closed.
const BODY_MAX: usize = 16 * 1024;
/// The longest error that is kept, in characters.
const ERROR_MAX: usize = 200;

const NOT_PUBLIC: &str = "the address is not one of the public internet";

/// What is sent.
pub(super) struct Message<'a> {
    /// The same in each try.
    pub(super) id: Uuid,
    /// Unix seconds of this try.
    pub(super) timestamp: i64,
    /// One for each secret, with spaces between them.
    pub(super) signatures: String,
    pub(super) body: &'a str,
}

/// The client. Clones share its connections.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    reach: Reach,
    timeout: Duration,
}

impl Client {
    /// A client that reaches so far.
    pub(super) fn new(reach: Reach, timeout: Duration) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("todo-webhooks/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Checked(reach))
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .https_only(reach == Reach::Public)
            .tls_version_min(tls::Version::TLS_1_2)
            .timeout(timeout)
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(Duration::from_secs(30))
            .build();
        Ok(Self { http: http.map_err(|error| error.to_string())?, reach, timeout })
    }

    /// Sends a message once.
    pub(super) async fn send(&self, url: &str, message: &Message<'_>) -> Answer {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        if target::literal(&url).is_some_and(|address| !self.reach.allows(address)) {
            return Err(NOT_PUBLIC.to_owned());
        }
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", message.id.to_string())
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", &message.signatures)
            .body(message.body.to_owned());
        let response = request.send().await.map_err(|error| self.says(&error))?;
        let status = response.status().as_u16();
        drain(response).await;
        Ok(status)
    }

    /// What its owner is told: never the address, which may hold a secret.
    fn says(&self, error: &reqwest::Error) -> String {
        let mut deepest: &(dyn std::error::Error + 'static) = error;
        while let Some(cause) = deepest.source() {
            if cause.is::<NotPublic>() {
                return cause.to_string();
            }
            deepest = cause;
        }
        if error.is_timeout() {
            return format!("no answer within {} ms", self.timeout.as_millis());
        }
        let what = if error.is_dns() {
            "the name could not be resolved"
        } else if error.is_connect() {
            "no connection"
        } else {
            "no HTTP answer"
        };
        if deepest.is::<reqwest::Error>() {
            return what.to_owned();
        }
        format!("{what}: {deepest}").chars().filter(|c| !c.is_control()).take(ERROR_MAX).collect()
    }
}

async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > BODY_MAX {
            return;
        }
    }
}

/// The system's resolver, of whose answers only the allowed ones are handed on.
struct Checked(Reach);

/// A name leads only to addresses that are not allowed.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address of the public internet")]
struct NotPublic;

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // Port 0: that of the URL takes its place.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Once;

    use super::*;

    fn message() -> Message<'static> {
        Message { id: Uuid::nil(), timestamp: 0, signatures: "v1,x".to_owned(), body: "{}" }
    }

    fn client(reach: Reach) -> Client {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        });
        Client::new(reach, Duration::from_secs(2)).unwrap()
    }

    #[tokio::test]
    async fn what_leads_inside_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = client(Reach::Public);
        let send = async |host: &str| {
            client.send(&format!("https://{host}:{port}/secret?token=1"), &message()).await.unwrap_err()
        };
        assert_eq!(send("localhost").await, "the name leads to no address of the public internet");
        for literal in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"] {
            assert_eq!(send(literal).await, NOT_PUBLIC, "{literal}");
        }
        let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn plain_http_is_refused_outside_of_development() {
        let says = client(Reach::Public).send("http://example.com/", &message()).await.unwrap_err();
        assert!(!says.contains("example.com"), "{says}");
    }

    #[tokio::test]
    async fn an_error_does_not_tell_the_address() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = format!("http://127.0.0.1:{port}/hook?token=hunter2");
        let says = client(Reach::Anywhere).send(&url, &message()).await.unwrap_err();
        assert!(says.starts_with("no connection") && !says.contains("hunter2"), "{says}");
    }
}
