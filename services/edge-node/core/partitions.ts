/**
 * Partitions as a node sees them, and how long it takes to reconcile each: from the first word of the centre after it until everything
 * that was decided before that word came has its outcome. Time comes in as an argument.
 *
 * Nothing tells a node when the way opened; what the centre signed bounds it. An answer proves that the centre was in reach after the
 * question was asked, an outcome that it was in reach after the decision. The window begins at that bound, so it is never too short, and too
 * long by at most the exchange that brought the word.
 */

/** Something that the centre has signed. */
export interface Word {
  /** The centre was in reach after this time. */
  readonly provenAt: number;
  /** When the exchange that brought it began. */
  readonly askedAt: number;
}

export interface Partitions {
  /**
   * How things stand.
   *
   * @param connected whether the node decides as one that is in reach of the centre @param finalSize entries with an outcome
   */
  readonly observe: (connected: boolean, time: number, finalSize: number) => void;
  /** Word of the centre came. @param logSize entries decided so far @param finalSize entries whose outcome was known before it */
  readonly heard: (word: Word, logSize: number, finalSize: number) => void;
}

/**
 * - `new`: of a node that never was in reach of the centre, so it cannot be cut off from it
 * - `in-reach`: it decides with the centre behind it
 * - `cut-off`: it decides offline, and no word has come
 * - `contact`: word has come, of a time too long ago for it to decide as one that is in reach
 */
type State = Reach | 'contact';
/** How a node starts. */
export type Reach = 'new' | 'in-reach' | 'cut-off';

interface Reconciling {
  readonly contactAt: number;
  /** Log size when the word came. */
  upTo: number;
}

/** Partitions that are being reconciled at once; beyond, the newest counts as part of the one before. */
const RECONCILING_MAX = 64;

/**
 * @param reach how the node starts
 * @param onContact a partition is over after which something waits for its outcome; with nothing waiting there is nothing to reconcile
 * @param onReconciled how long it took, milliseconds
 */
export function createPartitions(
  reach: Reach, onContact: (partition: object, contactAt: number) => void, onReconciled: (partition: object, ms: number) => void,
): Partitions {
  let state: State = reach;
  let provenAt = -Infinity;
  const reconciling: Reconciling[] = [];
  /** The one that the last word was about, while it is being reconciled. */
  let current: Reconciling | null = null;

  function contact(contactAt: number, upTo: number): void {
    if (reconciling.length >= RECONCILING_MAX) current = reconciling.at(-1)!;
    // Word after word, before the node is in reach again, is the end of one partition.
    if (current !== null) {
      current.upTo = upTo;
      return;
    }
    current = { contactAt, upTo };
    reconciling.push(current);
    onContact(current, contactAt);
  }

  return {
    observe(connected, time, finalSize) {
      if (connected) state = 'in-reach';
      else if (state === 'in-reach') state = 'cut-off';
      if (state !== 'contact') current = null;
      while (reconciling.length > 0 && reconciling[0]!.upTo <= finalSize) {
        const window = reconciling.shift()!;
        if (window === current) current = null;
        onReconciled(window, Math.max(0, time - window.contactAt));
      }
    },

    heard(word, logSize, finalSize) {
      if (word.provenAt <= provenAt) return;
      provenAt = word.provenAt;
      if (state === 'new') state = 'in-reach';
      if (state === 'in-reach') return;
      if (logSize > finalSize) contact(Math.max(word.provenAt, word.askedAt), logSize);
      state = 'contact';
    },
  };
}
