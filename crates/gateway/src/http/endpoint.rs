//! What an operation of the API is.

use std::sync::Arc;

use api_types::List;
use api_types::schema::{Shape, of};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use futures_util::future::BoxFuture;
use kernel::Permission;
use policy::Action;
use schemars::JsonSchema;

use crate::Gateway;
use crate::http::BODY_BYTES_MAX;

/// Carries an operation out. One type for all handlers: the layers around them are compiled once and not for each.
pub type Handle = fn(Request, Arc<Gateway>) -> BoxFuture<'static, Response>;

/// One operation.
pub struct Endpoint {
    pub method: &'static str,
    /// Its address, with parameters in braces.
    pub path: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    pub access: Access,
    /// What policy is asked before it is done, which permits it to the same roles.
    pub asks: Option<Action>,
    /// Whether it is counted against the limits of rates; stops are not (SAFE-1, SAFE-2).
    pub counted: bool,
    pub query: Option<Shape>,
    pub headers: &'static [&'static str],
    pub body: Option<Shape>,
    pub status: u16,
    /// Another status of success, where there is one.
    pub also: Option<u16>,
    pub answer: Answer,
    /// The largest body in bytes.
    pub body_bytes_max: usize,
    pub handle: Handle,
}

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    /// Whoever has proved who they are.
    Authenticated,
    Tenant(Permission),
    /// The platform's administrator.
    Platform,
}

/// What an operation answers.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    Json(Shape),
    Tile,
    Text,
    /// Bytes of a format of their own.
    Bytes,
    Events,
    Socket,
}

impl Endpoint {
    pub fn route(&self) -> MethodRouter<Arc<Gateway>> {
        let method = match self.method {
            "post" => MethodFilter::POST,
            "put" => MethodFilter::PUT,
            "delete" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let handle = self.handle;
        on(method, move |State(gateway): State<Arc<Gateway>>, request: Request| handle(request, gateway))
            .layer(DefaultBodyLimit::max(self.body_bytes_max))
    }

    /// Its address for the router: the name of a tile of the journal has slashes.
    pub fn route_path(&self) -> String {
        self.path.replace("{tile}", "{*tile}")
    }

    /// What names it for programs: the method and the words of its address.
    pub fn operation_id(&self) -> String {
        let words = self.path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
        std::iter::once(self.method).chain(words).collect::<Vec<_>>().join("_")
    }

    /// The names of the parameters in its address.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }
}

/// Headers of what is done once, of what changes a version, and of what may be known already.
pub(super) const ONCE: &[&str] = &["Idempotency-Key"];
pub(super) const EDIT: &[&str] = &["If-Match"];
pub(super) const TAGGED: &[&str] = &["If-None-Match"];

pub(super) const fn json<T: JsonSchema + 'static>() -> Answer {
    Answer::Json(of::<T>())
}

/// A page of things, which goes on at a cursor.
pub(super) const fn list<T: JsonSchema + 'static, C: JsonSchema + 'static>() -> Answer {
    json::<List<T, C>>()
}

pub(super) const fn takes<T: JsonSchema + 'static>() -> Option<Shape> {
    Some(of::<T>())
}

pub(super) const fn endpoint(method: &'static str, path: &'static str, access: Access) -> Endpoint {
    Endpoint {
        method,
        path,
        summary: "",
        access,
        asks: None,
        counted: true,
        query: None,
        headers: &[],
        body: None,
        status: 200,
        also: None,
        answer: Answer::Text,
        body_bytes_max: BODY_BYTES_MAX,
        handle: |_, _| Box::pin(async { StatusCode::METHOD_NOT_ALLOWED.into_response() }),
    }
}

pub(super) const fn get(path: &'static str, may: Permission) -> Endpoint {
    endpoint("get", path, Access::Tenant(may))
}

pub(super) const fn post(path: &'static str, may: Permission) -> Endpoint {
    endpoint("post", path, Access::Tenant(may))
}

pub(super) const fn put(path: &'static str, may: Permission) -> Endpoint {
    endpoint("put", path, Access::Tenant(may))
}

pub(super) const fn delete(path: &'static str, may: Permission) -> Endpoint {
    endpoint("delete", path, Access::Tenant(may))
}

pub(super) const fn open(path: &'static str) -> Endpoint {
    endpoint("get", path, Access::Anyone)
}
