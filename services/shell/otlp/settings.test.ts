import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SettingsError } from '../settings.ts';
import { readOtlp } from './settings.ts';

const headers = (text: string): { source: string; text: string } => ({ source: 'TIDEMARK_OTLP_HEADERS_CONTENT', text });
const read = (otlp: string | undefined, text?: string, otlpTemporality = 'cumulative'): unknown => readOtlp({ otlp, otlpTemporality, otlpHeaders: text === undefined ? undefined : headers(text) });

describe('where telemetry is sent', () => {
  it('is nowhere, unless it is said', () => {
    expect(read(undefined)).toBeNull();
  });

  it.each([
    ['http://127.0.0.1:4318', 'http://127.0.0.1:4318'], ['http://127.0.0.1:4318/', 'http://127.0.0.1:4318'],
    ['https://otel.example/otlp/', 'https://otel.example/otlp'], ['http://[::1]:4318', 'http://[::1]:4318'],
  ])('is a base URL: %s', (given, endpoint) => {
    expect(read(given)).toEqual({ endpoint, headers: {}, temporality: 'cumulative' });
  });

  it('may need headers', () => {
    expect(read('https://a.example', '{"Authorization": "Bearer x y", "x-scope-orgid": "1"}')).toEqual({
      endpoint: 'https://a.example', temporality: 'cumulative', headers: { authorization: 'Bearer x y', 'x-scope-orgid': '1' },
    });
  });

  it.each<[string, string | undefined, string | undefined, RegExp]>([
    ['no URL', '127.0.0.1:4318', undefined, /^TIDEMARK_OTLP_ENDPOINT: expected a URL that begins with http:\/\/ or https:\/\/, got "127.0.0.1:4318"/],
    ['gRPC', 'grpc://127.0.0.1:4317', undefined, /expected a URL that begins with http/],
    ['a path of a signal', 'http://a/v1/traces', undefined, /appended to it.*got "http:\/\/a\/v1\/traces"/],
    ['a query', 'http://a/?key=s3cret', undefined, /a query or a fragment/],
    ['a password', 'http://u:s3cret@a/', undefined, /set TIDEMARK_OTLP_HEADERS/],
    ['a password in what is no URL', 'u:s3cret@a', undefined, /expected a URL/],
    ['headers for nobody', undefined, '{}', /^TIDEMARK_OTLP_HEADERS_CONTENT is set and TIDEMARK_OTLP_ENDPOINT is not/],
    ['headers in another format', 'http://a', 'api-key=s3cret', /^TIDEMARK_OTLP_HEADERS_CONTENT: not JSON/],
    ['a list', 'http://a', '["s3cret"]', /expected a JSON object/],
    ['a number', 'http://a', '{"a": 1}', /header 1, a: expected a text/],
    ['a line break', 'http://a', '{"a": "s3cret\\r\\nx: y"}', /header 1, a: expected a text/],
    ['a name that is none', 'http://a', '{"a": "b", "s3cret s3cret": "b"}', /header 2 of 2: its name is none/],
    ['a framing header', 'http://a', '{"Content-Length": "1"}', /content-length: is said by the exporter/],
    ['a name twice', 'http://a', '{"A": "1", "a": "2"}', /header 2, a: is there twice/],
    ['the prototype', 'http://a', '{"__proto__": 1}', /expected a text/],
  ])('is refused: %s', (_what, otlp, text, expected) => {
    expect(() => read(otlp, text)).toThrow(SettingsError);
    expect(() => read(otlp, text)).toThrow(expected);
    expect(() => read(otlp, text)).not.toThrow(/s3cret/);
  });

  it('is refused with every mistake at once', () => {
    expect(() => read('ftp://a', '[]')).toThrow(/TIDEMARK_OTLP_ENDPOINT[\s\S]*TIDEMARK_OTLP_HEADERS/);
  });

  it('is read or refused, whatever the text', () => {
    fc.assert(fc.property(fc.oneof(fc.webUrl(), fc.string()), fc.oneof(fc.string(), fc.json()), (url, text) => {
      try {
        const target = readOtlp({ otlp: url, otlpTemporality: 'delta', otlpHeaders: headers(text) });
        expect(URL.canParse(`${target!.endpoint}/v1/traces`)).toBe(true);
        // eslint-disable-next-line no-new
        new Headers(target!.headers);
      } catch (error) {
        expect(error).toBeInstanceOf(SettingsError);
      }
    }));
  });
});
