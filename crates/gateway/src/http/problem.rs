//! Errors as RFC 9457 problem details, with a stable `code`, a pointer per bad field, and a page per code. The one
//! place where a refusal becomes an HTTP status.

use axum::Json;
use axum::extract::Path;
use axum::handler::Handler;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{Code, Reject};
use store::port::Fault;
use store::{CommandError, CommitError};
use tenancy::sectors::Spoken;

use super::endpoint::{self, Answer, Endpoint};

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[Endpoint {
    summary: "What a problem means and what to do next, as its `type` names it",
    answer: Answer::Text,
    handle: |request, gateway| Handler::call(page, request, gateway),
    ..endpoint::open("/docs/errors/{code}")
}];

include!(concat!(env!("OUT_DIR"), "/errors.rs"));

/// A problem that a client is told.
#[derive(Debug)]
pub struct Problem {
    reject: Reject,
}

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER_S: &str = "1";

/// The HTTP status of a code.
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidRequest => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Forbidden | Code::PolicyViolation | Code::EntitlementRequired | Code::FeatureOff => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::IllegalTransition | Code::Conflict | Code::StaleClaim | Code::VehicleUnavailable => StatusCode::CONFLICT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::OffMap | Code::Unroutable | Code::UnknownCapability => StatusCode::UNPROCESSABLE_ENTITY,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn title(code: Code) -> &'static str {
    match code {
        Code::InvalidRequest => "The request is wrong",
        Code::Unauthenticated => "No valid credential",
        Code::Forbidden => "Your role does not allow this",
        Code::NotFound => "No such thing",
        Code::MethodNotAllowed => "Not done with this method",
        Code::PolicyViolation => "Policy forbids this",
        Code::EntitlementRequired => "The subscription does not allow this",
        Code::FeatureOff => "The feature is not in use",
        Code::IllegalTransition => "Not possible in this state",
        Code::Conflict => "It conflicts with what is there",
        Code::PreconditionFailed => "It was changed meanwhile",
        Code::OffMap => "Too far from any road",
        Code::Unroutable => "No way there",
        Code::UnknownCapability => "No vehicle can do this",
        Code::StaleClaim => "The claim is not current",
        Code::VehicleUnavailable => "The vehicle cannot take this now",
        Code::PayloadTooLarge => "The body is too large",
        Code::UnsupportedMediaType => "The body is of another type",
        Code::Overloaded => "Too much work is waiting",
        Code::Unavailable => "Not possible right now",
    }
}

/// `GET /docs/errors/{code}`: where the `type` of a problem leads, with what it means and what to do next.
pub async fn page(Path(code): Path<String>) -> Result<impl IntoResponse, Problem> {
    let text = page_of(&code).ok_or_else(|| Problem::not_found("error", &code))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

fn page_of(code: &str) -> Option<&'static [u8]> {
    let code = Code::ALL.iter().copied().find(|known| known.as_str() == code)?;
    let address = format!("/{}.md", code.as_str());
    PAGES.binary_search_by_key(&address.as_str(), |(address, _)| address).ok().map(|place| PAGES[place].1)
}

impl Problem {
    /// A problem with a code and a sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { reject: Reject::new(code, detail) }
    }

    /// Nothing with this id in the caller's tenant; another tenant's id is answered alike.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} {id}: list them to see which there are"))
    }
}

impl From<Reject> for Problem {
    fn from(reject: Reject) -> Self {
        Self { reject }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let cause = std::error::Error::source(&fault).map(ToString::to_string);
        tracing::error!(error = %fault, cause, "a request met a fault");
        let code = match fault {
            Fault::Overloaded => Code::Overloaded,
            _ => Code::Unavailable,
        };
        Self::new(code, fault.to_string())
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Reject(reject) => reject.into(),
            CommandError::Fault(fault) => fault.into(),
            fenced @ CommandError::Fenced(_) => Self::new(Code::Unavailable, fenced.to_string()),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Fault(fault) => fault.into(),
            other => Self::new(Code::Unavailable, format!("{other}: try again")),
        }
    }
}

/// A refusal that is told, for whoever knows more of who asked.
#[derive(Debug, Clone)]
pub struct Told(pub Box<Reject>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        metrics::counter!("atlasmesh_problems_total", "code" => self.reject.code.as_str()).increment(1);
        let mut response = told(self.reject.clone(), None);
        response.extensions_mut().insert(Told(Box::new(self.reject)));
        response
    }
}

/// A refusal as an answer, in the words of a sector where the tenant has one in force.
pub fn told(reject: Reject, spoken: Option<Spoken>) -> Response {
    let sector = spoken.and_then(|spoken| api_types::SaidInSector::of(&reject, &spoken)).map(Box::new);
    let Reject { code, message: detail, fields: errors, decision, entitlement } = reject;
    let status = status(code);
    let body = api_types::Problem {
        r#type: format!("/docs/errors/{}", code.as_str()),
        title: title(code),
        status: status.as_u16(),
        code,
        detail,
        errors,
        decision,
        entitlement,
        sector,
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if matches!(code, Code::Overloaded | Code::Unavailable) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    if code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_page() {
        for &code in Code::ALL {
            let page = String::from_utf8_lossy(page_of(code.as_str()).unwrap());
            let status = format!("HTTP status {}.", status(code).as_u16());
            for words in
                [&format!("# {}", code.as_str()), &status, "## What it means", "## What to do next", title(code)]
            {
                assert!(page.contains(words), "{}: {words}", code.as_str());
            }
        }
        assert_eq!(page_of("README"), None);
    }
}
