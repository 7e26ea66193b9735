/** The errors that the protocol itself raises; each says what was expected and what came. */

/** Bytes that are not what they should be. */
export class EncodingError extends Error {
  override readonly name = 'EncodingError';
}

/**
 * A refusal that travels: RFC 9457 `application/problem+json`. `type` is `urn:tidemark:problem:<code>`; the codes are
 * listed in docs/protocol.md.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly extra: Readonly<Record<string, unknown>>;
  /** Seconds for a Retry-After header, when trying again later makes sense. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, detail: string, extra: Record<string, unknown> = {}, retryAfter?: number) {
    super(detail);
    this.status = status;
    this.code = code;
    this.extra = extra;
    this.retryAfter = retryAfter;
  }

  toJSON(): Record<string, unknown> {
    return {
      type: `urn:tidemark:problem:${this.code}`, title: this.code.replaceAll('-', ' '), status: this.status, code: this.code,
      detail: this.message, ...this.extra,
    };
  }
}
