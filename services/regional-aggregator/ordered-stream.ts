/**
 * The port to what orders a region's batches: a durable sequence of messages that all replicas of the region append to and
 * read, each at its own pace. Consensus is the stream's business, validity is the replicas': anything that can append may
 * append anything, and every replica judges every message itself (`core/replay.ts`).
 *
 * The contract is what SQLite on one machine and NATS JetStream in a cluster can both keep:
 *
 * - `publish` resolves when the message is durable (JetStream: the PubAck of an R3 stream with `sync_interval: always`). When it
 *   rejects, the message may be in the stream nevertheless; publishing it again with the same id is safe.
 * - A message whose id was published within the last {@link DEDUP_WINDOW_MS} is not appended again, but answered with the
 *   first one's `seq` (JetStream: `Nats-Msg-Id` and the stream's `duplicate_window`). Ids are 1 to 128 printable ASCII
 *   characters without spaces. Content does not count: whoever reuses an id for something else loses the something else.
 * - Places (`seq`) start at 1 and follow each other without a gap; a message never changes its place. `at` is the stream's own
 *   clock, never decreasing.
 * - One message has at most {@link MESSAGE_MAX} bytes (JetStream: `max_payload` of the servers and `max_msg_size` of the stream,
 *   whose
 *   defaults are smaller, have to be set to it).
 * - A reader may be told of the same message twice: it asks by place.
 * - `trim` drops messages from the beginning. Places are not given again, and `lastSeq` does not go back.
 */
export { MESSAGE_MAX } from './core/batch.ts';

export interface StreamMessage {
  readonly seq: number;
  /** The stream's own time of the message, milliseconds since 1970. */
  readonly at: number;
  readonly data: Uint8Array;
}

export interface OrderedStream {
  /**
   * @throws RangeError when the message is larger than MESSAGE_MAX or the id is not one; anything else means that it may or may
   * not be in
   */
  publish(message: Uint8Array, dedupId: string): Promise<{ readonly seq: number }>;
  /**
   * The messages after `afterSeq` that are still there, in order: at most `maxMessages`, and no further one once `maxBytes` is
   * exceeded,
   * but at least one if there is any. Empty at the end of the stream.
   */
  read(afterSeq: number, maxMessages: number, maxBytes: number): Promise<readonly StreamMessage[]>;
  /** Place of the last message ever published, 0 before the first. */
  lastSeq(): Promise<number>;
  /** Calls back soon after messages were appended, by whomever; best effort, so poll `read` now and then. @returns unsubscribe */
  onAppend(listener: () => void): () => void;
  /** Forgets the messages up to and including `uptoSeq`; what is gone already is no mistake. */
  trim(uptoSeq: number): Promise<void>;
  close(): Promise<void>;
}

/** As JetStream's default `duplicate_window`, milliseconds. */
export const DEDUP_WINDOW_MS = 120_000;

/** @throws RangeError */
export function checkMessage(message: Uint8Array, dedupId: string, most: number): void {
  if (message.byteLength > most) throw new RangeError(`message of ${message.byteLength} bytes: the stream takes at most ${most}`);
  if (!/^[\x21-\x7e]{1,128}$/.test(dedupId)) {
    throw new RangeError(`message id ${JSON.stringify(dedupId.slice(0, 140))}: expected 1 to 128 printable ASCII characters`);
  }
}
