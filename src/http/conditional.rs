//! Conditional requests (RFC 9110 section 13): the ETag of a resource is its version in quotes.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Problem;

/// What an `If-Match` or `If-None-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// The header is missing.
    Missing,
    /// `*`
    Any,
    /// The versions that were named; tags that are not ours match nothing.
    Versions(Vec<i64>),
}

impl Tags {
    fn of(headers: &HeaderMap, name: HeaderName, weak: bool) -> Self {
        let mut versions = Vec::new();
        let mut seen = false;
        for value in headers.get_all(name) {
            seen = true;
            for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                if tag == "*" {
                    return Self::Any;
                }
                let strong = if weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
                let inner = strong.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                versions.extend(inner.and_then(|text| text.parse::<i64>().ok()));
            }
        }
        if seen { Self::Versions(versions) } else { Self::Missing }
    }
}

/// The `If-Match` of a write. Its comparison is strong: a weak tag matches nothing.
#[derive(Clone, Debug)]
pub struct IfMatch(pub Tags);

impl IfMatch {
    /// For a write that could lose somebody's edit: 428 when the header is missing (RFC 6585).
    pub fn required(self) -> Result<Tags, Problem> {
        match self.0 {
            Tags::Missing => {
                let detail = "Say which version you change: send its ETag as If-Match (or `*` to overwrite any).";
                Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", detail))
            }
            tags => Ok(tags),
        }
    }
}

/// The `If-None-Match` of a read. Its comparison is weak.
#[derive(Clone, Debug)]
pub struct IfNoneMatch(Tags);

impl IfNoneMatch {
    /// 304 when the client has this version already.
    pub fn not_modified(&self, version: i64) -> Option<Response> {
        let same = match &self.0 {
            Tags::Missing => false,
            Tags::Any => true,
            Tags::Versions(versions) => versions.contains(&version),
        };
        same.then(|| (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(version))]).into_response())
    }
}

/// The ETag of a version.
pub fn etag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Tags::of(&parts.headers, header::IF_MATCH, false)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Tags::of(&parts.headers, header::IF_NONE_MATCH, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(value: &str, weak: bool) -> Tags {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, value.parse().unwrap());
        Tags::of(&headers, header::IF_MATCH, weak)
    }

    #[test]
    fn lists_weak_tags_and_stars_are_read_as_the_standard_says() {
        assert_eq!(tags("\"3\"", false), Tags::Versions(vec![3]));
        assert_eq!(tags("\"3\", \"5\"", false), Tags::Versions(vec![3, 5]));
        assert_eq!(tags("W/\"3\"", false), Tags::Versions(vec![]));
        assert_eq!(tags("W/\"3\"", true), Tags::Versions(vec![3]));
        assert_eq!(tags("*", false), Tags::Any);
        assert_eq!(tags("\"abc\"", false), Tags::Versions(vec![]));
        assert_eq!(Tags::of(&HeaderMap::new(), header::IF_MATCH, false), Tags::Missing);
    }
}
