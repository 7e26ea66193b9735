/** Progress on stderr: a bar where somebody watches, a plain line now and then where nobody does. */
import { SingleBar } from 'cli-progress';

export interface Progress {
  /** @param total may grow; @param note a few words behind the figures */
  update(done: number, total: number, note?: string): void;
  stop(): void;
}

const LINE_EVERY_MS = 5_000;

export function createProgress(
  label: string, stream: NodeJS.WriteStream = process.stderr, now = (): number => performance.now(),
): Progress {
  if (stream.isTTY) {
    const bar = new SingleBar({
      format: `${label} [{bar}] {percentage}% {value}/{total} {note}`, stream, hideCursor: true, clearOnComplete: true, fps: 8,
      barCompleteChar: '=', barIncompleteChar: ' ', barsize: 30, linewrap: false, gracefulExit: false,
    });
    let started = false;
    return {
      update(done, total, note = '') {
        if (!started) bar.start(total, done, { note });
        started = true;
        bar.setTotal(total);
        bar.update(done, { note });
      },
      stop() {
        if (started) bar.stop();
      },
    };
  }
  let last = now();
  let shown = -1;
  return {
    update(done, total, note = '') {
      const time = now();
      if (time - last < LINE_EVERY_MS || done === shown) return;
      last = time;
      shown = done;
      stream.write(
        `${label}: ${done}/${total}${total > 0 ? ` (${Math.floor((done / total) * 100)}%)` : ''}${note === '' ? '' : ` ${note}`}\n`,
      );
    },
    stop() {},
  };
}
