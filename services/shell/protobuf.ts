/**
 * Writes messages of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/), the few kinds of fields that Prometheus'
 * exposition has. A library would be ten times this, and the schema is 90 lines.
 */
export interface Message {
  /** `uint32`, `uint64` or an enum: a whole number from 0 to 2^53 - 1. */
  readonly uint: (field: number, value: number) => Message;
  /** `sint32` or `sint64`: a whole number between -2^52 and 2^52. */
  readonly sint: (field: number, value: number) => Message;
  readonly double: (field: number, value: number) => Message;
  readonly text: (field: number, value: string) => Message;
  readonly message: (field: number, value: Message) => Message;
  readonly bytes: () => Uint8Array;
}

const [VARINT, FIXED64, LENGTH] = [0, 1, 2];

export function message(): Message {
  const out: number[] = [];
  const tag = (field: number, type: number): void => pushVarint(out, field * 8 + type);
  const block = (field: number, bytes: Uint8Array): void => {
    tag(field, LENGTH!);
    pushVarint(out, bytes.byteLength);
    for (const byte of bytes) out.push(byte);
  };
  const m: Message = {
    uint(field, value) {
      tag(field, VARINT!);
      pushVarint(out, value);
      return m;
    },
    sint(field, value) {
      tag(field, VARINT!);
      pushVarint(out, value < 0 ? -2 * value - 1 : 2 * value);
      return m;
    },
    double(field, value) {
      tag(field, FIXED64!);
      const bytes = new DataView(new ArrayBuffer(8));
      bytes.setFloat64(0, value, true);
      for (let i = 0; i < 8; i += 1) out.push(bytes.getUint8(i));
      return m;
    },
    text(field, value) {
      block(field, new TextEncoder().encode(value));
      return m;
    },
    message(field, value) {
      block(field, value.bytes());
      return m;
    },
    bytes: () => Uint8Array.from(out),
  };
  return m;
}

/** Each with its length in front of it ("delimited"). */
export function delimited(messages: readonly Message[]): Uint8Array {
  const parts = messages.flatMap((m) => {
    const bytes = m.bytes();
    const length: number[] = [];
    pushVarint(length, bytes.byteLength);
    return [Uint8Array.from(length), bytes];
  });
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Beyond 32 bits, where JavaScript's operators on bits end. */
function pushVarint(out: number[], value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`protobuf: expected a whole number from 0 to 2^53 - 1, got ${value}`);
  let left = value;
  while (left > 0x7f) {
    out.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  out.push(left);
}
