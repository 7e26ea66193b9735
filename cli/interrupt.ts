/** Ctrl-C, SIGTERM and SIGHUP as something that a command can wait for, so that it leaves no mess behind. */
import { CliError, EXIT } from './errors.ts';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Never resolves; rejects with CliError 130 when a signal came. */
  readonly happened: Promise<never>;
  /** Signals end the process again as they do by default. */
  stop(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @param message what the user is told */
export function onInterrupt(message: string): Interrupt {
  const abort = new AbortController();
  const happened = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => reject(new CliError(EXIT.interrupted, 'interrupted', message)));
  });
  // Waited for in a race; when the race is over nobody looks any more.
  happened.catch(() => {});
  const onSignal = (): void => abort.abort();
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: abort.signal, happened,
    stop() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
