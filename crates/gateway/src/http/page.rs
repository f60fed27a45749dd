//! The page for people, out of the program itself: the Control Center as `ui/` builds it, with headers that let it talk
//! to this server and to nobody else.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use kernel::Code;

use super::problem::Problem;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What the page may load and reach: this server only. Blobs are what the map makes of its own glyphs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Files below this address have a hash of their content in their names.
const HASHED: &str = "/assets/";
/// The document that every address of the page begins with.
const DOCUMENT: &str = "/index.html";

/// What stands at `/` where the page was not built.
const NO_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>AtlasMesh Fleet OS</title>\
     <h1>AtlasMesh Fleet OS</h1><p>This program was built without its page. Run <code>cargo xtask demo</code>, which builds \
     the page first; the API under <code>/v1</code> works as ever.</p></html>";

/// Everything that is no operation of the API: a file of the page, its document for people, a problem for programs.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let wants = |what: HeaderName, text: &str| {
        headers.get(what).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(text))
    };
    let nothing = || Problem::new(Code::NotFound, "no such operation: see the API guide").into_response();
    if method != Method::GET && method != Method::HEAD || path.starts_with("/v1/") {
        return nothing();
    }
    let gzip = wants(header::ACCEPT_ENCODING, "gzip");
    if let Some(found) = file(path).filter(|_| !path.ends_with(".gz")) {
        return answer(path, found, gzip);
    }
    if path != "/" && !wants(header::ACCEPT, "text/html") {
        return nothing();
    }
    match file(DOCUMENT) {
        Some(document) => answer(DOCUMENT, document, gzip),
        None => answer(DOCUMENT, NO_PAGE.as_bytes(), false),
    }
}

fn file(address: &str) -> Option<&'static [u8]> {
    FILES.binary_search_by_key(&address, |(address, _)| address).ok().map(|place| FILES[place].1)
}

fn answer(path: &str, plain: &'static [u8], gzip: bool) -> Response {
    let packed = if gzip { file(&format!("{path}.gz")) } else { None };
    let mut response = packed.unwrap_or(plain).into_response();
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let told = [
        (header::CONTENT_TYPE, content_type(path)),
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let headers = response.headers_mut();
    for (name, value) in told {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if packed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &'static str, accept: &'static str) -> Response {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        serve(Method::GET, Uri::from_static(path), headers).await
    }

    #[tokio::test]
    async fn people_get_the_document_and_programs_a_problem() {
        let rows = [
            ("/", "*/*", 200, "text/html; charset=utf-8"),
            ("/trips/trip_1", "text/html,*/*", 200, "text/html; charset=utf-8"),
            ("/nothing.js", "*/*", 404, "application/problem+json"),
            ("/v1/nothing", "text/html", 404, "application/problem+json"),
        ];
        for (path, accept, status, content_type) in rows {
            let response = get(path, accept).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], content_type, "{path}");
        }
        let policy = get("/", "*/*").await.headers()[header::CONTENT_SECURITY_POLICY].clone();
        assert!(!policy.to_str().unwrap().contains("http"), "no outside host");
    }

    #[test]
    fn every_file_has_a_type() {
        for (address, _) in FILES.iter().filter(|(address, _)| !address.ends_with(".gz")) {
            assert_ne!(content_type(address), "application/octet-stream", "{address}");
        }
    }
}
