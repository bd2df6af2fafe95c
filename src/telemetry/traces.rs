//! Spans over OTLP, in batches, from a thread of their own.

use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tonic::codec::CompressionEncoding;
use tonic::transport::Endpoint;
use tracing::{Level, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

use super::collector::Collector;
use super::config::Compression;
use super::counted::Counted;
use super::ended::Requests;
use super::{Config, Error, trace};

/// The tracer of this process.
pub struct Traces {
    provider: SdkTracerProvider,
    requests: Option<Requests>,
}

impl Traces {
    /// Exports to the configured endpoint; with none, spans have ids and are not recorded.
    pub fn start(config: &Config) -> Result<Self, Error> {
        if config.otlp_endpoint.is_empty() {
            let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
            return Ok(Self { provider, requests: None });
        }
        let wrong = |error: &dyn std::fmt::Display| Error::Setting(format!("telemetry.otlp_endpoint: {error}"));
        let endpoint = Endpoint::from_shared(config.otlp_endpoint.clone()).map_err(|error| wrong(&error))?;
        if endpoint.uri().scheme_str() != Some("http") {
            return Err(wrong(&"the address of a collector begins with http://"));
        }
        let limit = Duration::from_millis(config.otlp_timeout_ms);
        let channel = endpoint.timeout(limit).connect_lazy();
        let exporter =
            opentelemetry_otlp::SpanExporter::builder().with_tonic().with_channel(channel.clone()).with_timeout(limit);
        let (exporter, compression) = match config.otlp_compression {
            Compression::None => (exporter, None),
            Compression::Gzip => {
                (exporter.with_compression(opentelemetry_otlp::Compression::Gzip), Some(CompressionEncoding::Gzip))
            }
        };
        let exporter = exporter.build().map_err(|error| wrong(&error))?;
        let resource = Resource::builder()
            .with_service_name(config.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("deployment.environment.name", config.environment.clone()))
            .build();
        let requests = Requests::start(Collector::new(channel, compression), &resource)
            .map_err(|error| Error::Setting(format!("the thread of the spans: {error}")))?;
        trace::export_to(requests.clone());
        // The spans of background work follow the request that they belong to, where the ratio was applied.
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        let builder = SdkTracerProvider::builder().with_span_processor(Counted::new(exporter)).with_sampler(sampler);
        Ok(Self { provider: builder.with_resource(resource).build(), requests: Some(requests) })
    }

    /// The layer that turns `tracing` spans into these.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("todo"))
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
    }

    /// Flushes, giving up at the deadline. It blocks, so it runs on a blocking thread.
    pub async fn shutdown(self, deadline: Duration) {
        let flush = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let requests = self.requests.is_none_or(|requests| requests.shutdown(deadline));
            self.provider.shutdown_with_timeout(deadline.saturating_sub(began.elapsed())).is_ok() && requests
        });
        match tokio::time::timeout(deadline, flush).await {
            Ok(Ok(true)) => {}
            _ => eprintln!("telemetry: some spans could not be exported before the deadline"),
        }
    }
}

/// What becomes a span, or an event in one: not the exporter's own calls, which would feed themselves, and of the log the
/// warnings and errors only. The line of each request says what its span says.
pub(super) fn filter<S: Subscriber>() -> impl Filter<S> {
    let worth = filter_fn(|metadata| {
        if metadata.is_span() { metadata.target() != trace::FOR_LOKI } else { *metadata.level() <= Level::WARN }
    });
    let not_ours = EnvFilter::new(
        "info,h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,reqwest=off,opentelemetry=off,\
                    opentelemetry_sdk=off,opentelemetry_otlp=off,rdkafka=off,sqlx=off,tracing_loki=off",
    );
    worth.and(not_ours)
}
