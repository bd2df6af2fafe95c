//! The API's description and a page to read it: both come from this binary and load nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa_swagger_ui::Config;

use super::Problem;

/// Swagger's page styles itself inline; scripts come from this origin only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; frame-ancestors 'none'",
);

/// `/api/openapi.json` and `/docs`.
pub fn routes(openapi: &utoipa::openapi::OpenApi) -> Router {
    let json: Arc<str> = openapi.to_json().unwrap_or_default().into();
    let config = Arc::new(Config::from("/api/openapi.json").try_it_out_enabled(true));
    let page = move |file: String| {
        let config = Arc::clone(&config);
        async move { asset(&file, config) }
    };
    let index = page.clone();
    Router::new()
        .route("/api/openapi.json", get(move || async move { ([JSON], json.to_string()) }))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(move || index(String::new())))
        .route("/docs/{*file}", get(move |Path(file): Path<String>| page(file)))
}

const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

fn asset(file: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(file)) => {
            let mut response = file.bytes.into_owned().into_response();
            let headers = response.headers_mut();
            if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
                headers.insert(header::CONTENT_TYPE, kind);
            }
            headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
            response
        }
        Ok(None) => Problem::not_found().into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}
