//! Problem details for HTTP APIs (RFC 9457).
//!
//! A handler returns a [`Problem`]; the outermost middleware writes its body, because only there the request id and
//! the trace id are known. The private cause goes to the log, once, and never into the body.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::storage;

/// A refusal or a failure, as the client will read it.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) detail: Cow<'static, str>,
    pub(super) errors: Vec<FieldError>,
    pub(super) cause: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one member of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or the name of a query parameter.
    #[schema(example = "/title")]
    pub pointer: String,
    /// A stable code.
    #[schema(example = "required")]
    pub code: String,
    /// What to do.
    pub detail: String,
}

/// The body of every 4xx and 5xx answer: `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/validation_failed")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do.
    pub detail: String,
    /// A stable code for programs.
    pub code: String,
    /// The path of the request.
    pub instance: String,
    /// The id of the request, as in `X-Request-Id`.
    pub request_id: String,
    /// The trace of the request.
    pub trace_id: Option<String>,
    /// One entry for each member that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A problem of one part of a request, inside of an answer that is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartProblem {
    /// What to do.
    pub detail: String,
    /// A stable code for programs.
    pub code: String,
    /// One entry for each member that is wrong; the pointers are into the part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// The status, and what of it concerns a part of a request.
    pub fn into_part(self) -> (StatusCode, PartProblem) {
        let Self { status, code, detail, errors, .. } = self;
        (status, PartProblem { detail: detail.into_owned(), code: code.to_owned(), errors })
    }

    /// A problem with a stable `code` and a sentence that says what to do.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), cause: None, headers: Vec::new() }
    }

    /// 404: also for what belongs to another user.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here that you may see.")
    }

    /// 422: well-formed and not acceptable; add the members with [`Problem::field`].
    pub fn validation() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            "Some values are not acceptable: see `errors`.",
        )
    }

    /// The same, with what is wrong of each member: where, a stable code, and what to do.
    pub fn invalid<P, S>(wrong: impl IntoIterator<Item = (P, &'static str, S)>) -> Self
    where
        P: Into<String>,
        S: Into<String>,
    {
        wrong.into_iter().fold(Self::validation(), |problem, (pointer, code, says)| problem.field(pointer, code, says))
    }

    /// 401 with the challenge of RFC 6750.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .header(header::WWW_AUTHENTICATE, "Bearer realm=\"todo\", error=\"invalid_token\"")
    }

    /// 412: the version that was edited is not the present one.
    pub fn stale(current: i64) -> Self {
        let detail =
            format!("It was changed meanwhile: read it again (its ETag is \"{current}\" now) and repeat the change.");
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    /// 422: an Idempotency-Key came back with another request.
    pub fn key_reused() -> Self {
        let detail = "This Idempotency-Key was used for another request: use a new key for a new request.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
    }

    /// 500: a mistake of ours. The cause is logged.
    pub fn internal(cause: impl Display) -> Self {
        let detail = "Something went wrong on our side. The request id helps us to find it.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).caused_by(cause)
    }

    /// 503: try again later.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(retry_after)
    }

    /// Names a member that is wrong.
    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { pointer: pointer.into(), code: code.to_owned(), detail: detail.into() });
        self
    }

    /// Adds Retry-After, in whole seconds and at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(header::RETRY_AFTER, &wait.as_secs_f64().ceil().max(1.0).to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.push((name, value));
        }
        self
    }

    /// The private cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// The body for a request.
    pub(super) fn body(&self, instance: &str, request_id: &str, trace_id: Option<String>) -> ProblemBody {
        ProblemBody {
            kind: format!("/problems/{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone().into_owned(),
            code: self.code.to_owned(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            trace_id,
            errors: self.errors.clone(),
        }
    }

    /// What a bare status of a library means.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => return Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "This path does not take this method: see the Allow header.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The body is larger than this service takes."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "Send application/json."),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "The request took too long to arrive."),
            status if status.is_server_error() => return Self::internal(format!("bare status {status}")),
            _ => ("bad_request", "The request could not be understood."),
        };
        Self::new(status, code, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        match &error {
            storage::Error::Busy(_) => {
                Self::unavailable("The service is at its limit: try again shortly.", Duration::from_secs(1))
                    .caused_by(error)
            }
            storage::Error::Unavailable(_) => Self::unavailable(
                "The database cannot be reached: try again shortly. A change may or may not have been made; an \
                 Idempotency-Key makes repeating it safe.",
                Duration::from_secs(2),
            )
            .caused_by(error),
            storage::Error::Statement { source, .. } => Self::internal(format!("{error}: {source}")),
            storage::Error::Constraint(_) | storage::Error::Schema(_) => Self::internal(error),
        }
    }
}
