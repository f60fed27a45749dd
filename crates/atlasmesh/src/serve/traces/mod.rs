//! Traces for whoever watches the server: spans leave over OTLP when the environment says where to, as OpenTelemetry
//! names it, and nothing is done otherwise. Requests never wait for it: spans go into a queue with an end, and what does
//! not fit, or what nobody takes, is gone.

mod client;
mod layer;
mod line;
mod origins;

use std::env;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use self::client::Client;
use self::layer::SpanLayer;
use self::line::WithTrace;

/// How long a server that stops may take to hand over its last spans: its supervisor waits too.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// Variables that say where to; the first one as it is, the second with the path that OTLP adds.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// The log, and spans if they are asked for, until dropped.
pub struct Observed {
    spans: Option<SdkTracerProvider>,
}

impl Observed {
    /// Begins to log, and to export spans where the environment says so.
    ///
    /// # Errors
    /// An endpoint or a protocol that is not spoken, with what is.
    pub fn start() -> Result<Self> {
        let filter = EnvFilter::try_from_env("ATLASMESH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
        let Some(provider) = provider()? else {
            // A second server in one process keeps the first one's log.
            let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
            return Ok(Self { spans: None });
        };
        // A line names its trace whatever the log's level: spans are seen by both, lines by the level. What is inside of
        // a request is made at DEBUG, so that without traces it costs nothing.
        let ours =
            filter_fn(|metadata| metadata.is_span() && *metadata.level() <= Level::DEBUG && is_ours(metadata.target()));
        let lines = lines.event_format(WithTrace::default()).with_filter(filter.or(ours.clone()));
        let spans = SpanLayer::new(provider.tracer("atlasmesh")).with_filter(ours);
        let _ = tracing_subscriber::registry().with(vec![spans.boxed(), lines.boxed()]).try_init();
        Ok(Self { spans: Some(provider) })
    }

    /// Hands over what is not yet handed over, or gives up after a while.
    pub fn flush(self) {
        if let Some(provider) = self.spans
            && let Err(error) = tokio::task::block_in_place(|| provider.shutdown_with_timeout(FLUSH_LIMIT))
        {
            tracing::warn!(%error, "the last spans are lost");
        }
    }
}

/// The first of some variables that has a value.
fn first_of(names: &[&'static str]) -> Option<(&'static str, String)> {
    names.iter().find_map(|name| Some((*name, env::var(name).ok().filter(|value| !value.is_empty())?)))
}

fn provider() -> Result<Option<SdkTracerProvider>> {
    let says = |name: &str, value: &str| env::var(name).is_ok_and(|found| found.eq_ignore_ascii_case(value));
    let Some((name, endpoint)) = first_of(&ENDPOINTS) else { return Ok(None) };
    if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
        return Ok(None);
    }
    ensure!(
        endpoint.starts_with("http://"),
        "{name} is {endpoint}: spans are sent over plain http:// only; run a collector beside the server and let it encrypt"
    );
    if let Some((name, protocol)) = first_of(&PROTOCOLS) {
        ensure!(protocol == "http/protobuf", "{name} is {protocol}: spans are sent as http/protobuf only");
    }
    let client = Client::new(tokio::runtime::Handle::current());
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build();
    let exporter = exporter.with_context(|| format!("{name} is {endpoint}: spans cannot be sent there"))?;
    let resource = Resource::builder();
    let resource = match first_of(&["OTEL_SERVICE_NAME"]) {
        Some(_) => resource,
        None => resource.with_service_name("atlasmesh"),
    };
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build()))
}

/// Whether a span is of this product and not of a library underneath.
fn is_ours(target: &str) -> bool {
    const CRATES: [&str; 6] = ["gateway", "commands", "policy", "store", "store_sqlite", "atlasmesh"];
    let name = target.split("::").next().unwrap_or_default();
    CRATES.contains(&name) || gateway::DOMAINS.iter().any(|domain| domain.name == name)
}
