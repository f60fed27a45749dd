//! From the spans that the code makes to those that are exported. The code knows nothing of traces: it names what it works
//! on, and here that becomes parents. A `traceparent` (W3C Trace Context) that a client sent is one; a trip that is named
//! leads to where the trip's trace began.

use std::collections::BTreeMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _};
use opentelemetry::{Context as Parent, KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::origins::Origins;

/// The span of a request, whose names have a convention.
const REQUEST: &str = "http";
/// What it calls its fields, and what OpenTelemetry does.
const REQUEST_NAMES: [(&str, &str); 3] =
    [("method", "http.request.method"), ("route", "http.route"), ("status", "http.response.status_code")];

/// What is kept with a span.
#[derive(Debug)]
pub struct Traced {
    /// The exported span, as others take it for their parent.
    pub context: Parent,
    trip: Option<String>,
}

/// Exports the spans that it sees.
#[derive(Debug)]
pub struct SpanLayer {
    tracer: SdkTracer,
    origins: Origins,
}

impl SpanLayer {
    /// A layer whose spans a tracer exports.
    pub fn new(tracer: SdkTracer) -> Self {
        Self { tracer, origins: Origins::default() }
    }

    /// The parent of a new span, and another span that it is linked to. A span that names a trip is done for that trip,
    /// also where somebody who serves many trips does it.
    fn parent(&self, within: Parent, is_for_same: bool, named: &Named) -> (Parent, Option<SpanContext>) {
        if let Some(sent) = named.sent() {
            return (sent, None);
        }
        let origin = named.trip.as_deref().filter(|_| !is_for_same).and_then(|trip| self.origins.known(trip));
        match origin {
            Some(origin) => {
                let caller = within.span().span_context().clone();
                (Parent::new().with_remote_span_context(origin), Some(caller).filter(SpanContext::is_valid))
            }
            None => (within, None),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut named = Named::default();
        attributes.record(&mut named);
        let within = span.parent().and_then(|parent| traced(&parent, |traced| traced.context.clone()));
        let is_for_same =
            span.scope().skip(1).any(|outer| traced(&outer, |outer| outer.trip == named.trip) == Some(true));
        let (parent, link) = self.parent(within.unwrap_or_default(), is_for_same, &named);
        let is_request = span.name() == REQUEST;
        let mut builder = SpanBuilder::from_name(if is_request { named.request() } else { span.name().to_owned() });
        builder.span_kind = is_request.then_some(SpanKind::Server);
        builder.attributes = Some(named.attributes(span.name()));
        builder.links = link.map(|link| vec![Link::with_context(link)]);
        let context = Parent::new().with_span(self.tracer.build_with_context(builder, &parent));
        if let Some(trip) = &named.trip {
            self.origins.of(trip, context.span().span_context());
        }
        span.extensions_mut().insert(Traced { context, trip: named.trip });
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut named = Named::default();
        record.record(&mut named);
        let mut extensions = span.extensions_mut();
        let Some(traced) = extensions.get_mut::<Traced>() else { return };
        let exported = traced.context.span();
        if named.fails() {
            exported.set_status(Status::error(""));
        }
        exported.set_attributes(named.attributes(span.name()));
        if let Some(trip) = named.trip {
            let origin = self.origins.of(&trip, exported.span_context());
            if origin != *exported.span_context() {
                exported.add_link(origin, Vec::new());
            }
            traced.trip = Some(trip);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: Context<'_, S>) {
        let context = |id| ctx.span(id).and_then(|span| traced(&span, |traced| traced.context.clone()));
        if let (Some(later), Some(earlier)) = (context(id), context(follows)) {
            later.span().add_link(earlier.span().span_context().clone(), Vec::new());
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if let Some(context) = ctx.span(&id).and_then(|span| traced(&span, |traced| traced.context.clone())) {
            context.span().end();
        }
    }
}

fn traced<S: for<'a> LookupSpan<'a>, T>(span: &SpanRef<'_, S>, read: impl FnOnce(&Traced) -> T) -> Option<T> {
    span.extensions().get::<Traced>().map(read)
}

/// What a span says of itself.
#[derive(Debug, Default)]
struct Named {
    values: BTreeMap<&'static str, Value>,
    trip: Option<String>,
    traceparent: Option<String>,
}

impl Named {
    /// As they are exported with a span of this name.
    fn attributes(&self, span: &str) -> Vec<KeyValue> {
        let names = if span == REQUEST { &REQUEST_NAMES[..] } else { &[] };
        let convention = |name: &'static str| names.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| *theirs);
        self.values.iter().map(|(name, value)| KeyValue::new(convention(name).unwrap_or(name), value.clone())).collect()
    }

    /// The parent that a client sent, if it is one.
    fn sent(&self) -> Option<Parent> {
        let carrier = std::collections::HashMap::from([("traceparent".to_owned(), self.traceparent.clone()?)]);
        let context = TraceContextPropagator::new().extract_with_context(&Parent::new(), &carrier);
        context.span().span_context().is_valid().then_some(context)
    }

    fn request(&self) -> String {
        let text = |name| self.values.get(name).map(|value| value.as_str().into_owned()).unwrap_or_default();
        format!("{} {}", text("method"), text("route"))
    }

    fn fails(&self) -> bool {
        matches!(self.values.get("status"), Some(Value::I64(500..)))
    }

    fn take(&mut self, field: &Field, value: Value) {
        match field.name() {
            "traceparent" => self.traceparent = Some(value.as_str().into_owned()),
            "trip" => self.trip = Some(value.as_str().into_owned()),
            // A stream of the journal names its thing as `kind/id`.
            "stream" => self.trip = value.as_str().strip_prefix("trip/").map(str::to_owned),
            _ => {}
        }
        if field.name() != "traceparent" {
            self.values.insert(field.name(), value);
        }
    }
}

impl Visit for Named {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned().into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}
