//! Spans as a collector gets them: one trip is one trace, and a collector that is away or slow is nobody's problem.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Told;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use support::site::crossing;
use support::world::{FAST, passenger};
use support::{Serve, World};

/// More than a test makes.
const SPANS_MAX: usize = 100_000;

/// A collector that takes spans by OTLP over HTTP.
struct Collector {
    address: String,
    spans: Receiver<Span>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, spans) = sync_channel(SPANS_MAX);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                for span in take(stream) {
                    // The test may be over.
                    let _ = sender.send(span);
                }
            }
        });
        Self { address, spans }
    }

    /// Everything that it got by now.
    fn got(&self) -> Vec<Span> {
        self.spans.try_iter().collect()
    }
}

fn take(mut stream: TcpStream) -> Vec<Span> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "POST /v1/traces HTTP/1.1");
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    let export: ExportTraceServiceRequest = prost::Message::decode(&*body).unwrap();
    let resources = export.resource_spans.into_iter();
    resources
        .inspect(|spans| {
            let resource = spans.resource.as_ref().unwrap();
            let service = resource.attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
            assert_eq!(format!("{:?}", service.value).matches("\"atlasmesh\"").count(), 1, "{service:?}");
        })
        .flat_map(|spans| spans.scope_spans)
        .flat_map(|spans| spans.spans)
        .collect()
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Told::StringValue(text) => text,
        Told::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

#[test]
fn a_trip_is_one_trace_from_its_request_to_its_last_report() {
    let collector = Collector::start();
    // Nothing but the end of the server sends what is not a full batch.
    let serve = Serve::default().env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    let mut world = World::with(serve.env("OTEL_BSP_SCHEDULE_DELAY", 3_600_000));
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let body = passenger(crossing(1, 0), crossing(3, 3)).to_string();
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let asked = world.http.send("POST", "/v1/trips", Some(body.as_bytes()), &[("traceparent", &traceparent)]).unwrap();
    let request = asked.header("x-request-id").unwrap().to_owned();
    let trip = asked.ok()["id"].as_str().unwrap().to_owned();
    let done = world.until_status(&trip, &["COMPLETED"]);
    let cancel = world.http.post(&format!("/v1/trips/{trip}/cancel"), &json!({ "reason": "too late" }));
    cancel.problem(409, "ILLEGAL_TRANSITION");
    let dispatch = world.commands(n).into_iter().find(|command| command["kind"] == "dispatch").unwrap();
    let created = world.server.process.line_with("trip created");
    assert!(created.contains(&format!("trace_id={TRACE} span_id=")), "{created}");
    let vehicle = world.vehicle_id(n).to_owned();
    world.agents.clear();
    world.server.stop();

    let spans = collector.got();
    let of_trip: Vec<&Span> = spans.iter().filter(|span| HEXLOWER.encode(&span.trace_id) == TRACE).collect();
    let named = |name: &str| of_trip.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"));
    let root = named("POST /v1/trips");
    assert_eq!(HEXLOWER.encode(&root.parent_span_id), CALLER);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/trips"),
        ("http.response.status_code", "201"),
        ("tenant", "town-cars"),
        ("request", &request),
        ("trip", &trip),
    ] {
        assert_eq!(attribute(root, name).as_deref(), Some(value), "{root:?}");
    }
    // Each step, with what names it, and a parent within the trace.
    let command = dispatch["id"].as_str().unwrap();
    let route = done["route"]["route"].as_str().unwrap();
    let stream = format!("trip/{trip}");
    for (span, name, value) in [
        ("policy.decide", "action", "trip.request"),
        ("commit", "stream", &stream),
        ("trip.assign", "vehicle", &vehicle),
        ("trip.assign", "route", route),
        ("command.issue", "command", command),
        ("command.deliver", "command", command),
        ("trip.report", "status", "DISPATCHED"),
        ("trip.report", "status", "COMPLETED"),
    ] {
        let found = of_trip.iter().find(|found| found.name == span && attribute(found, name).as_deref() == Some(value));
        assert!(found.is_some(), "no {span} with {name} {value}");
    }
    named("route");
    let assigned = of_trip.iter().filter(|span| span.name == "policy.decide");
    assert!(assigned.filter(|span| attribute(span, "action").as_deref() == Some("vehicle.assign")).count() > 0);
    let ids: BTreeSet<String> =
        of_trip.iter().map(|span| HEXLOWER.encode(&span.span_id)).chain([CALLER.to_owned()]).collect();
    for span in &of_trip {
        assert!(ids.contains(&HEXLOWER.encode(&span.parent_span_id)), "{span:?} has no parent");
    }
    // Work for many and other requests have traces of their own; links lead to the trip's and back.
    let batch =
        spans.iter().find(|span| span.name == "dispatch.batch" && attribute(span, "assigned").as_deref() == Some("1"));
    let batch = HEXLOWER.encode(&batch.expect("a batch assigned it").trace_id);
    assert!(
        named("trip.assign").links.iter().any(|link| HEXLOWER.encode(&link.trace_id) == batch),
        "no link to the batch"
    );
    let cancelled = spans.iter().find(|span| span.name == "POST /v1/trips/{trip}/cancel").unwrap();
    assert!(
        HEXLOWER.encode(&cancelled.trace_id) != TRACE
            && cancelled.links.iter().any(|link| HEXLOWER.encode(&link.trace_id) == TRACE)
    );
}

fn silent_collector() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().map_while(Result::ok).collect::<Vec<_>>());
    address
}

/// Nobody listens there: the port was somebody's a moment ago.
fn absent_collector() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[test]
fn a_collector_that_is_away_or_silent_delays_nobody() {
    for address in [silent_collector(), absent_collector()] {
        let serve = Serve::default().env("OTEL_EXPORTER_OTLP_ENDPOINT", &address);
        let serve = serve.env("OTEL_BSP_SCHEDULE_DELAY", 1).env("OTEL_BSP_MAX_QUEUE_SIZE", 16);
        let mut world = World::with(serve.env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 8));
        world.server.process.line_with("the collector takes no spans: they are dropped");
        // Far more than fits into the queue, and each is answered far sooner than one export gives up.
        let slowest = (0..200).map(|_| {
            let began = Instant::now();
            world.http.get("/v1/trips").ok();
            began.elapsed()
        });
        let slowest = slowest.max().unwrap();
        assert!(slowest < Duration::from_secs(3), "{address}: {slowest:?}");
        world.trip(crossing(0, 0), crossing(1, 1));
        let began = Instant::now();
        world.server.stop();
        assert!(began.elapsed() < Duration::from_secs(10), "{address}: {:?}", began.elapsed());
        let told = world.server.process.said().matches("they are dropped").count();
        assert_eq!(told, 1, "said once, not for every batch");
        world.server.verify_stopped();
    }
}

#[test]
fn where_spans_cannot_be_sent_is_said_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, words) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318", "plain http:// only"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf only"),
    ] {
        let serve = Serve::default().env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318").env(name, value);
        let (code, said) = support::server::refused(&folder.path().join("data"), "127.0.0.1:0", &serve);
        assert!(code == Some(1) && said.contains(name) && said.contains(words), "{said}");
    }
    // Switched off, or nowhere to go: no line names a trace.
    let off =
        Serve::default().env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318").env("OTEL_SDK_DISABLED", "true");
    for serve in [off, Serve::default()] {
        let world = World::with(serve);
        world.server.process.line_with("request");
        assert!(!world.server.process.said().contains("trace_id="));
    }
}
