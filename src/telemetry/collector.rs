//! The collector's gRPC service, for batches that are encoded already.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use prost::bytes::{BufMut as _, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// What may go well another time is tried again after these.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];

/// A client. Its calls end with the channel's time-out.
pub(super) struct Collector(Grpc<Channel>);

impl Collector {
    pub(super) fn new(channel: Channel, compression: Option<CompressionEncoding>) -> Self {
        let client = Grpc::new(channel);
        Self(match compression {
            Some(encoding) => client.send_compressed(encoding).accept_compressed(encoding),
            None => client,
        })
    }

    /// Exports a batch, its head and its spans, from a thread that may sleep. Returns how many of its spans were refused.
    pub(super) async fn export(&mut self, head: Vec<u8>, spans: Vec<u8>) -> Result<usize, Status> {
        let batch = [Bytes::from(head), Bytes::from(spans)];
        for pause in PAUSES {
            match self.call(batch.clone()).await {
                Err(status) if is_passing(status.code()) => std::thread::sleep(pause),
                outcome => return outcome,
            }
        }
        self.call(batch).await
    }

    async fn call(&mut self, batch: Batch) -> Result<usize, Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = self.0.unary(Request::new(batch), PathAndQuery::from_static(EXPORT), Encoded).await?;
        let refused = answer.into_inner().partial_success.map_or(0, |partial| partial.rejected_spans);
        Ok(usize::try_from(refused).unwrap_or_default())
    }
}

/// What OTLP's specification calls retryable.
fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// One message in two parts.
type Batch = [Bytes; 2];

/// Sends bytes as they are.
struct Encoded;

impl Codec for Encoded {
    type Encode = Batch;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Batch;
    type Error = Status;

    fn encode(&mut self, batch: Batch, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(batch.iter().map(Bytes::len).sum());
        for part in batch {
            to.put(part);
        }
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let answer = ExportTraceServiceResponse::decode(from);
        answer.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
