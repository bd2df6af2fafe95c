//! OAuth 2.0: the token and revocation endpoints, the keys and the metadata. Their errors have OAuth's own form
//! (RFC 6749 section 5.2).

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Error;
use super::service::Accounts;
use super::session::TokenPair;
use crate::auth::opaque;
use crate::http::Problem;
use crate::kernel::Scopes;

/// `/oauth2/*` and `/.well-known/*`.
pub fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(token)).routes(routes!(revoke)).routes(routes!(jwks)).routes(routes!(metadata))
}

/// A token request (RFC 6749 sections 4.4 and 6).
#[derive(Deserialize, ToSchema)]
struct TokenRequest {
    /// `refresh_token` or `client_credentials`.
    #[schema(example = "refresh_token")]
    grant_type: String,
    /// For `refresh_token`.
    refresh_token: Option<String>,
    /// For `client_credentials`, unless HTTP Basic is used: the id of an API token.
    client_id: Option<String>,
    /// For `client_credentials`, unless HTTP Basic is used: the secret of that API token.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// For `client_credentials`: fewer scopes than the API token has.
    scope: Option<String>,
}

/// An OAuth error.
#[derive(Serialize, ToSchema)]
struct OauthError {
    /// One of RFC 6749's codes.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// What is wrong.
    error_description: &'static str,
}

fn refuse(error: Error) -> Response {
    let Error::Grant { code, says } = error else { return Problem::from(error).into_response() };
    let body = axum::Json(OauthError { error: code, error_description: says });
    let no_store = (header::CACHE_CONTROL, "no-store");
    if code == "invalid_client" {
        let challenge = (header::WWW_AUTHENTICATE, "Basic realm=\"todo\"");
        return (StatusCode::UNAUTHORIZED, [no_store, challenge], body).into_response();
    }
    (StatusCode::BAD_REQUEST, [no_store], body).into_response()
}

/// `client_secret_basic` (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok()).flatten()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Get an access token.
#[utoipa::path(post, path = "/oauth2/token", tag = "oauth2", security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenPair), (status = 400, body = OauthError), (status = 401, body = OauthError)))]
async fn token(
    State(accounts): State<Accounts>,
    headers: HeaderMap,
    form: Result<Form<TokenRequest>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Form(request)) = form else {
        return refuse(Error::grant("invalid_request", "Send a form with grant_type."));
    };
    let granted = match request.grant_type.as_str() {
        "refresh_token" => match &request.refresh_token {
            Some(token) => accounts.refresh(token).await,
            None => Err(Error::grant("invalid_request", "refresh_token is missing.")),
        },
        "client_credentials" => {
            let (id, secret) =
                basic(&headers).or_else(|| Some((request.client_id?, request.client_secret?))).unwrap_or_default();
            accounts.client_credentials(&id, &secret, request.scope.as_deref().unwrap_or_default()).await
        }
        _ => Err(Error::grant("unsupported_grant_type", "Use refresh_token or client_credentials.")),
    };
    match granted {
        Ok(pair) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(pair)).into_response(),
        Err(error) => refuse(error),
    }
}

/// A revocation request (RFC 7009).
#[derive(Deserialize, ToSchema)]
struct RevocationRequest {
    /// A refresh token: its session ends.
    token: String,
    /// Not needed: our tokens tell their kind.
    #[serde(rename = "token_type_hint")]
    _token_type_hint: Option<String>,
}

/// Revoke a refresh token. The answer is the same for one that is unknown.
#[utoipa::path(post, path = "/oauth2/revoke", tag = "oauth2", security(()),
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200), (status = 400, body = OauthError)))]
async fn revoke(
    State(accounts): State<Accounts>,
    form: Result<Form<RevocationRequest>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Form(request)) = form else { return refuse(Error::grant("invalid_request", "Send a form with token.")) };
    if !request.token.starts_with(opaque::REFRESH) {
        return StatusCode::OK.into_response();
    }
    match accounts.revoke_refresh(&request.token).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refuse(error),
    }
}

/// The public keys of the access tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "oauth2", security(()), responses((status = 200, body = Object)))]
async fn jwks(State(accounts): State<Accounts>) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=30")], axum::Json(accounts.ring.jwks())).into_response()
}

/// The authorization server's metadata (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "oauth2", security(()),
    responses((status = 200, body = Object)))]
async fn metadata(State(accounts): State<Accounts>) -> axum::Json<Value> {
    let issuer = accounts.tokens.issuer();
    let scopes: Vec<_> = Scopes::ALL.to_string().split(' ').map(str::to_owned).collect();
    axum::Json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": scopes,
        "response_types_supported": [],
        "grant_types_supported": ["refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "service_documentation": format!("{issuer}/docs/"),
    }))
}
