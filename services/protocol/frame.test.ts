import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodingError } from './errors.ts';
import { decodeFrame, encodeFrame } from './frame.ts';

describe('frames', () => {
  it('come out as they went in', () => {
    fc.assert(fc.property(fc.dictionary(fc.string().filter((k) => k !== 'parts' && k !== '__proto__'), fc.string()), fc.array(fc.uint8Array()), (header, parts) => {
      const frame = decodeFrame(encodeFrame(header, parts));
      expect(frame.header).toEqual({ ...header, parts: parts.map((p) => p.byteLength) });
      expect(frame.parts.map((p) => Buffer.from(p))).toEqual(parts.map((p) => Buffer.from(p)));
    }));
  });

  it('cut off anywhere, or with a byte too many, are refused', () => {
    const bytes = encodeFrame({ a: 1 }, [Buffer.from('hello'), Buffer.from('')]);
    for (let n = 0; n < bytes.length; n += 1) expect(() => decodeFrame(bytes.subarray(0, n))).toThrow(EncodingError);
    expect(() => decodeFrame(Buffer.concat([bytes, Buffer.from('x')]))).toThrow('1 bytes too many');
  });

  it.each([
    ['a huge header length', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7b, 0x7d])],
    ['a list as header', Buffer.from('\0\0\0\x02[]', 'latin1')],
    ['no parts', Buffer.from('\0\0\0\x02{}', 'latin1')],
    ['a negative length', Buffer.from('\0\0\0\x0e{"parts":[-1]}', 'latin1')],
    ['a huge part', Buffer.from('\0\0\0\x16{"parts":[9007199254]}', 'latin1')],
  ])('with %s are refused', (_what, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(EncodingError);
  });
});
