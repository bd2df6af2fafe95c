//! Who asks: the bearer token of the request (RFC 6750).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures::future::BoxFuture;

use super::Problem;
use crate::kernel::{Actor, Scope};

/// Tells who a token belongs to. The composition root gives one.
pub trait Authenticate: Send + Sync {
    /// The actor of `token`.
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Actor, Rejected>>;
}

/// Why a token was not accepted.
#[derive(Clone, Debug)]
pub enum Rejected {
    /// It is not valid: a public reason.
    Invalid(&'static str),
    /// It cannot be told now: a private cause.
    Unavailable(String),
}

/// The signed-in caller. Without a valid token: 401.
#[derive(Clone, Copy, Debug)]
pub struct Bearer(pub Actor);

impl Bearer {
    /// The actor, if its token has `scope`; else 403.
    pub fn with(self, scope: Scope) -> Result<Actor, Problem> {
        if self.0.scopes.has(scope) {
            return Ok(self.0);
        }
        let name = scope.as_str();
        let challenge = format!("Bearer realm=\"todo\", error=\"insufficient_scope\", scope=\"{name}\"");
        let detail = format!("This token lacks the scope `{name}`.");
        Err(Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", detail)
            .header(header::WWW_AUTHENTICATE, &challenge))
    }
}

/// What the middleware found out, in the request's extensions.
#[derive(Clone, Debug)]
pub(super) struct Identity(pub(super) Option<Result<Actor, Rejected>>);

/// Authenticates once, so that the limits and the handler agree.
pub(super) async fn identify(authenticate: &Arc<dyn Authenticate>, headers: &HeaderMap) -> Identity {
    Identity(match token(headers) {
        Some(token) => Some(authenticate.authenticate(token).await),
        // Other schemes (Basic at the token endpoint) are the handler's business.
        None => None,
    })
}

/// The bearer token of a request.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>().and_then(|Identity(found)| found.clone()) {
            Some(Ok(actor)) => Ok(Self(actor)),
            Some(Err(Rejected::Invalid(reason))) => Err(Problem::unauthorized(reason)),
            Some(Err(Rejected::Unavailable(cause))) => {
                let detail = "Your token cannot be checked right now: try again shortly.";
                Err(Problem::unavailable(detail, Duration::from_secs(2)).caused_by(cause))
            }
            None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Sign in: send an access token as a bearer token.",
            )
            .header(header::WWW_AUTHENTICATE, "Bearer realm=\"todo\"")),
        }
    }
}
