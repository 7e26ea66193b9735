/** What all signals have in common in OTLP's JSON mapping (opentelemetry-proto, common/v1 and resource/v1). */

/** By name, after OpenTelemetry's semantic conventions where these have one. Whole numbers become integers. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

type AnyValue = { readonly stringValue: string } | { readonly boolValue: boolean } | { readonly intValue: string } | { readonly doubleValue: number };

function encodeValue(value: string | number | boolean): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  // 64-bit integers are texts: JSON's numbers lose the last digits of large ones.
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Who measures: `InstrumentationScope`. */
export const OTLP_SCOPE = { name: 'tidemark', version: '1' } as const;

/** `KeyValue`s. */
export const encodeAttributes = (attributes: Attributes): { readonly key: string; readonly value: AnyValue }[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }));

/** `Resource`. */
export const encodeResource = (attributes: Attributes): object => ({ attributes: encodeAttributes(attributes) });

/** A time in milliseconds since 1970 as OTLP has it: nanoseconds, as digits. Exact to the microsecond, as far as a double goes. */
export function nanos(ms: number): string {
  const whole = Math.floor(ms);
  const micros = Math.min(999, Math.round((ms - whole) * 1_000));
  return whole === 0 ? String(micros * 1_000) : `${whole}${String(micros).padStart(3, '0')}000`;
}
