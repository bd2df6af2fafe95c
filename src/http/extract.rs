//! Extractors whose refusals are problems.

use std::marker::PhantomData;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Problem;
use super::idempotency::Key;

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A JSON body of a POST that may carry an `Idempotency-Key`. `T` is `()` for a POST without a body.
#[derive(Debug)]
pub struct Post<T> {
    /// The body.
    pub body: T,
    /// The key, where there is one.
    pub key: Option<Key>,
}

/// Query parameters.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// Path parameters. One that cannot be an id names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

/// Reads a JSON value and says where it is wrong.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refuse(&error))?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// A JSON Merge Patch (RFC 7396) of an object without nested objects. Types and names are checked before anything is
/// read, so that the error names the member.
pub struct MergePatch<T> {
    members: Map<String, Value>,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + Default> MergePatch<T> {
    /// Checks that `members` are members of a `T`.
    pub fn new(members: Map<String, Value>) -> Result<Self, Problem> {
        let text = serde_json::to_vec(&members).map_err(Problem::internal)?;
        let _: T = parse(&text)?;
        Ok(Self { members, of: PhantomData })
    }

    /// The present one with the patch in it.
    pub fn merged(&self, present: &T) -> T {
        let mut merged = serde_json::to_value(present).unwrap_or_default();
        if let Some(members) = merged.as_object_mut() {
            members.extend(self.members.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        serde_json::from_value(merged).unwrap_or_default()
    }
}

/// How many a page has that was asked for so many: 50 by default, 200 at most.
pub fn page_limit(limit: Option<usize>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(50);
    if (1..=200).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::validation().field("limit", "out_of_range", "use 1 to 200"))
}

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let detail = format!("The body is not JSON: it goes wrong at line {line}, column {column}.");
    Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if !error.inner().is_data() {
        return malformed(error.inner());
    }
    let pointer = pointer(error.path());
    // serde says "…, expected … at line 1 column 7": the place is in the pointer already.
    let text = error.inner().to_string();
    let sentence = text.split(" at line ").next().unwrap_or_default().to_owned();
    Problem::validation().field(pointer, "invalid", sentence)
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(part).collect()
}

/// `application/json`, or any `+json` type.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let detail = "Send the body as application/json.";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
}

/// The body, which the stack took whole and within its bound.
async fn bytes(request: Request) -> Result<Bytes, Problem> {
    let whole = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    whole.map_err(|_| Problem::of_status(StatusCode::BAD_REQUEST))
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers())?;
        Ok(Self(parse(&bytes(request).await?)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Post<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let bytes = bytes(request).await?;
        let body = if bytes.is_empty() {
            // `()` reads from null: a POST that takes nothing takes an empty body.
            parse(b"null")
                .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "malformed_json", "The body is empty: send JSON."))?
        } else {
            check_type(&headers)?;
            parse(&bytes)?
        };
        let key = idempotency_key(&headers)?.map(|key| Key::new(&key, method.as_str(), &path, &bytes));
        Ok(Self { body, key })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    // A structured string in quotes (as the draft has it), or bare (as most clients send it).
    let key = value.to_str().unwrap_or_default().trim().trim_matches('"');
    if (1..=255).contains(&key.len()) {
        return Ok(Some(key.to_owned()));
    }
    let detail = "Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID.";
    Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_invalid", detail))
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(value)| Self(value)).map_err(|rejection: QueryRejection| {
            let text = rejection.body_text();
            let sentence = text.trim_start_matches("Failed to deserialize query string: ");
            let (name, says) = sentence.split_once(": ").unwrap_or(("", sentence));
            Problem::validation().field(name, "invalid", says)
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(|_: PathRejection| Problem::not_found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its type matters")]
        list: Vec<u8>,
    }

    #[test]
    fn a_wrong_type_is_named_by_its_pointer() {
        let problem = parse::<Body>(br#"{"list":[1,"x"]}"#).unwrap_err();
        assert_eq!((problem.status, problem.errors[0].pointer.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "/list/1"));
        let problem = parse::<Body>(br#"{"list":[],"more":1}"#).unwrap_err();
        assert!(problem.errors[0].detail.contains("unknown field `more`"), "{problem:?}");
    }

    #[test]
    fn what_is_not_json_is_a_400_with_its_place() {
        for bad in [&b"{"[..], b"", b"{} {}", b"\xff"] {
            assert!(parse::<Body>(bad).unwrap_err().status.is_client_error(), "{bad:?}");
        }
        assert_eq!(parse::<Body>(b"{").unwrap_err().code, "malformed_json");
    }

    #[test]
    fn only_json_types_are_taken() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            check_type(&headers).is_ok()
        };
        assert!(of("application/json; charset=utf-8") && of("application/merge-patch+json"));
        assert!(!of("text/plain") && check_type(&HeaderMap::new()).is_err());
    }
}
