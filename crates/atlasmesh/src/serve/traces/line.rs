//! A line of the log names the span that it was written in, so that one leads to the other.

use std::fmt;

use opentelemetry::trace::TraceContextExt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::layer::Traced;

/// Lines as they always are, with `trace_id` and `span_id` at their end where there is a span.
#[derive(Debug, Default)]
pub struct WithTrace {
    line: Format<Full>,
}

impl<S, N> FormatEvent<S, N> for WithTrace
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let span = ctx.event_scope().and_then(|mut scope| scope.next());
        let traced = span.as_ref().and_then(|span| {
            let extensions = span.extensions();
            extensions.get::<Traced>().map(|traced| traced.context.span().span_context().clone())
        });
        let Some(traced) = traced else { return self.line.format_event(ctx, writer, event) };
        let mut line = String::new();
        self.line.format_event(ctx, Writer::new(&mut line), event)?;
        writeln!(writer, "{} trace_id={} span_id={}", line.trim_end(), traced.trace_id(), traced.span_id())
    }
}
