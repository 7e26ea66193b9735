/** For tests: reads Prometheus' exposition in Protocol Buffers with a library, by the part of prometheus/client_model's metrics.proto that this is about. */
import protobuf from 'protobufjs';

const { root } = protobuf.parse(`
  syntax = "proto2";
  message LabelPair { optional string name = 1; optional string value = 2; }
  message Value { optional double value = 1; }
  message Bucket { optional uint64 cumulative_count = 1; optional double upper_bound = 2; }
  message Span { optional sint32 offset = 1; optional uint32 length = 2; }
  message Histogram {
    optional uint64 sample_count = 1; optional double sample_sum = 2; repeated Bucket bucket = 3; optional sint32 schema = 5;
    optional double zero_threshold = 6; optional uint64 zero_count = 7; repeated Span positive_span = 12; repeated sint64 positive_delta = 13;
  }
  message Metric { repeated LabelPair label = 1; optional Value gauge = 2; optional Value counter = 3; optional Histogram histogram = 7; }
  message MetricFamily { optional string name = 1; optional string help = 2; optional int32 type = 3; repeated Metric metric = 4; }
`, { keepCase: true });

export interface DecodedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: number;
  readonly metric: {
    readonly label: { readonly name: string; readonly value: string }[];
    readonly gauge?: { readonly value: number };
    readonly counter?: { readonly value: number };
    readonly histogram?: {
      readonly sample_count: number; readonly sample_sum: number; readonly schema: number; readonly zero_threshold: number; readonly zero_count: number;
      readonly bucket: { readonly cumulative_count: number; readonly upper_bound: number }[];
      readonly positive_span: { readonly offset: number; readonly length: number }[];
      readonly positive_delta: number[];
    };
  }[];
}

export function decodeMetrics(bytes: Uint8Array): DecodedFamily[] {
  const reader = protobuf.Reader.create(bytes);
  const out: DecodedFamily[] = [];
  const type = root.lookupType('MetricFamily');
  while (reader.pos < reader.len) out.push(type.toObject(type.decodeDelimited(reader), { longs: Number, defaults: true, arrays: true }) as DecodedFamily);
  return out;
}
