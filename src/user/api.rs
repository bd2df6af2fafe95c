//! The routes of accounts, sessions and API tokens.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Error;
use super::api_token::NewToken;
use super::model::{Account, ApiToken, ProfileInput, Session};
use super::service::{Accounts, SignUp};
use super::session::{From as SignInFrom, TokenPair};
use crate::http::idempotency::{Outcome, Reply};
use crate::http::{Bearer, ClientAddress, IfMatch, IfNoneMatch, Json, Path, Post, Problem, ProblemBody, Tags, etag};
use crate::kernel::Scope;
use crate::{auth, events};

/// `/api/v1/users`, `/api/v1/sessions`, `/api/v1/me`.
pub fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(sign_in, list_sessions))
        .routes(routes!(sign_out))
        .routes(routes!(end_session))
        .routes(routes!(me, edit, erase))
        .routes(routes!(change_password))
        .routes(routes!(export))
        .routes(routes!(create_api_token, list_api_tokens))
        .routes(routes!(revoke_api_token))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Invalid(wrong) => Self::invalid(wrong),
            Error::EmailTaken => {
                Self::new(StatusCode::CONFLICT, "email_taken", "There is an account with this e-mail address: sign in.")
                    .field("/email", "taken", "use another address, or sign in")
            }
            Error::WrongCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "The e-mail address or the password is wrong.",
            )
            .header(header::WWW_AUTHENTICATE, "Bearer realm=\"todo\""),
            Error::WrongPassword => {
                Self::new(StatusCode::FORBIDDEN, "wrong_password", "The present password is wrong.")
            }
            Error::Stale { current } => Self::stale(current),
            Error::Grant { code, says } => Self::new(StatusCode::BAD_REQUEST, code, says),
            Error::Limited(decision) => match decision.into_result() {
                Err(problem) => problem,
                Ok(()) => Self::internal("a limit refused and allowed"),
            },
            Error::KeyReused => Self::key_reused(),
            Error::Auth(auth::Error::Busy { retry_after }) => {
                Self::unavailable("Too many sign-ins at once: try again shortly.", retry_after)
            }
            Error::Auth(error) => Self::internal(error),
            Error::Events(events::Error::Storage(error)) => error.into(),
            Error::Events(events::Error::NoLog) => Self::unauthorized("The account does not exist any more."),
            Error::Events(error) => Self::internal(error),
        }
    }
}

type Answer<T> = Result<T, Problem>;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignUpBody {
    /// Where to reach the person; one account an address.
    #[schema(example = "ann@example.org")]
    email: String,
    /// 8 to 128 characters, and not a common one.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: SecretString,
    display_name: Option<String>,
    /// An IANA time zone; UTC when missing.
    time_zone: Option<String>,
    /// A language tag; `en` when missing.
    locale: Option<String>,
}

fn account_reply(status: StatusCode, account: &Account) -> Reply {
    Reply::json(status, account).with(header::ETAG, format!("\"{}\"", account.version))
}

fn signed_up(account: &Account) -> Reply {
    account_reply(StatusCode::CREATED, account).with(header::LOCATION, "/api/v1/me")
}

/// Sign up.
#[utoipa::path(post, path = "/api/v1/users", tag = "account", request_body = SignUpBody, security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, body = Account), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn sign_up(State(accounts): State<Accounts>, post: Post<SignUpBody>) -> Answer<Reply> {
    let SignUpBody { email, password, display_name, time_zone, locale } = post.body;
    let input = SignUp { email, password, profile: ProfileInput { display_name, time_zone, locale } };
    let key = post.key.as_ref().map(|key| (key, signed_up as fn(&Account) -> Reply));
    Ok(accounts.sign_up(input, key).await?.reply(signed_up))
}

/// E-mail and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    #[schema(example = "ann@example.org")]
    email: String,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Sign in. Opens a session; its tokens are never stored, so a repeated call opens another one.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "account", request_body = SignInBody, security(()),
    responses((status = 201, body = TokenPair), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody)))]
async fn sign_in(
    State(accounts): State<Accounts>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(body): Json<SignInBody>,
) -> Answer<Response> {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let pair = accounts.sign_in(&body.email, &body.password, &SignInFrom { address, user_agent }).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], axum::Json(pair)).into_response())
}

/// A list.
#[derive(serde::Serialize, ToSchema)]
struct Sessions {
    results: Vec<Session>,
}

/// The open sessions, newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "account", responses((status = 200, body = Sessions)))]
async fn list_sessions(State(accounts): State<Accounts>, bearer: Bearer) -> Answer<axum::Json<Sessions>> {
    let actor = bearer.with(Scope::AccountRead)?;
    Ok(axum::Json(Sessions { results: accounts.sessions(&actor).await? }))
}

/// Sign out: ends the session of this token.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "account", responses((status = 204)))]
async fn sign_out(State(accounts): State<Accounts>, bearer: Bearer) -> Answer<StatusCode> {
    let actor = bearer.with(Scope::AccountWrite)?;
    accounts.end_session(&actor, actor.session_id.ok_or_else(Problem::not_found)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End another session.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "account", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
async fn end_session(State(accounts): State<Accounts>, bearer: Bearer, Path(id): Path<Uuid>) -> Answer<StatusCode> {
    accounts.end_session(&bearer.with(Scope::AccountWrite)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's account.
#[utoipa::path(get, path = "/api/v1/me", tag = "account", responses((status = 200, body = Account), (status = 304)))]
async fn me(State(accounts): State<Accounts>, bearer: Bearer, fresh: IfNoneMatch) -> Answer<Response> {
    let account = accounts.get(&bearer.with(Scope::AccountRead)?).await?;
    Ok(match fresh.not_modified(account.version) {
        Some(response) => response,
        None => ([(header::ETAG, etag(account.version))], axum::Json(account)).into_response(),
    })
}

/// Edit the profile. What is missing stays as it is.
#[utoipa::path(patch, path = "/api/v1/me", tag = "account", request_body = ProfileInput,
    params(("If-Match" = String, Header, description = "The ETag of the version that is edited, or `*`")),
    responses((status = 200, body = Account), (status = 412, body = ProblemBody), (status = 428, body = ProblemBody)))]
async fn edit(
    State(accounts): State<Accounts>,
    bearer: Bearer,
    condition: IfMatch,
    Json(input): Json<ProfileInput>,
) -> Answer<Response> {
    let actor = bearer.with(Scope::AccountWrite)?;
    let expect = match condition.required()? {
        Tags::Versions(versions) => Some(versions),
        Tags::Any | Tags::Missing => None,
    };
    let account = accounts.edit(&actor, expect.as_deref(), input).await?;
    Ok(([(header::ETAG, etag(account.version))], axum::Json(account)).into_response())
}

/// The password once more, to confirm.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EraseBody {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Erase the account and everything of it. There is no way back.
#[utoipa::path(delete, path = "/api/v1/me", tag = "account", request_body = EraseBody,
    responses((status = 204), (status = 403, body = ProblemBody)))]
async fn erase(State(accounts): State<Accounts>, bearer: Bearer, Json(body): Json<EraseBody>) -> Answer<StatusCode> {
    accounts.erase(&bearer.with(Scope::AccountWrite)?, &body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The present password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordBody {
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: SecretString,
}

/// Change the password. Every other session ends.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "account", request_body = PasswordBody,
    responses((status = 204), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn change_password(
    State(accounts): State<Accounts>,
    bearer: Bearer,
    Json(body): Json<PasswordBody>,
) -> Answer<StatusCode> {
    let actor = bearer.with(Scope::AccountWrite)?;
    accounts.change_password(&actor, &body.current_password, &body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that is kept of the account, as JSON.
#[utoipa::path(get, path = "/api/v1/me/export", tag = "account", responses((status = 200, body = Object)))]
async fn export(State(accounts): State<Accounts>, bearer: Bearer) -> Answer<Response> {
    let all = accounts.export(&bearer.with(Scope::AccountRead)?).await?;
    Ok(([(header::CONTENT_DISPOSITION, "attachment; filename=\"todo-export.json\"")], axum::Json(all)).into_response())
}

/// A new API token.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApiTokenBody {
    #[schema(min_length = 1, max_length = 100, example = "backup script")]
    name: String,
    /// Space-delimited.
    #[schema(example = "tasks:read tasks:write")]
    scopes: String,
    /// Missing: it does not end.
    expires_at: Option<DateTime<Utc>>,
}

/// An API token with its secret, which is told only once.
#[derive(serde::Serialize, ToSchema)]
struct NewApiToken {
    #[serde(flatten)]
    token: ApiToken,
    /// Send it as a bearer token, or as `client_secret` with the id as `client_id`.
    #[schema(example = "todo_pat_…")]
    secret: String,
}

/// What is stored of the reply: without the secret.
fn token_reply(token: &ApiToken) -> Reply {
    Reply::json(StatusCode::CREATED, token)
}

/// Make a personal API token.
#[utoipa::path(post, path = "/api/v1/me/api-tokens", tag = "account", request_body = ApiTokenBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, body = NewApiToken), (status = 422, body = ProblemBody)))]
async fn create_api_token(State(accounts): State<Accounts>, bearer: Bearer, post: Post<ApiTokenBody>) -> Answer<Reply> {
    let actor = bearer.with(Scope::AccountWrite)?;
    let ApiTokenBody { name, scopes, expires_at } = post.body;
    let key = post.key.as_ref().map(|key| (key, token_reply as fn(&ApiToken) -> Reply));
    let outcome = accounts.create_api_token(&actor, NewToken { name, scopes, expires_at }, key).await?;
    let (mut reply, id) = match outcome {
        Outcome::Done(token) => (token_reply(&token), token.id),
        Outcome::Replay(reply) => {
            let stored: serde_json::Value = serde_json::from_str(&reply.body).map_err(Problem::internal)?;
            let id = stored["id"].as_str().and_then(|id| id.parse().ok());
            (reply, id.ok_or_else(|| Problem::internal("a stored reply has no id"))?)
        }
    };
    let secret = format!(",\"secret\":\"{}\"}}", accounts.secret_of(id));
    reply.body.truncate(reply.body.len().saturating_sub(1));
    reply.body.push_str(&secret);
    Ok(reply.with(header::CACHE_CONTROL, "no-store"))
}

/// A list.
#[derive(serde::Serialize, ToSchema)]
struct ApiTokens {
    results: Vec<ApiToken>,
}

/// The API tokens, newest first.
#[utoipa::path(get, path = "/api/v1/me/api-tokens", tag = "account", responses((status = 200, body = ApiTokens)))]
async fn list_api_tokens(State(accounts): State<Accounts>, bearer: Bearer) -> Answer<axum::Json<ApiTokens>> {
    let actor = bearer.with(Scope::AccountRead)?;
    Ok(axum::Json(ApiTokens { results: accounts.api_tokens(&actor).await? }))
}

/// Revoke an API token. It is refused within five seconds.
#[utoipa::path(delete, path = "/api/v1/me/api-tokens/{id}", tag = "account", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
async fn revoke_api_token(
    State(accounts): State<Accounts>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
) -> Answer<StatusCode> {
    accounts.revoke_api_token(&bearer.with(Scope::AccountWrite)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
