/** How the command line ends. */

/** Exit codes, as every command's help lists them. */
export const EXIT = {
  ok: 0,
  /**
   * What was asked for was done and did not hold, or was refused: a check failed, a settlement was rejected. For `config check`
   * that is a config with mistakes; any other command, which only needed the config, ends with `usage` for it.
   */
  failed: 1,
  /** The command line, a file given on it or the config makes no sense. */
  usage: 2,
  /** No platform runs in the data folder, or it cannot be reached. */
  unreachable: 3,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;

export const EXIT_HELP = `
Exit codes:
  0    done, and everything holds
  1    a check failed (config check: the config has mistakes), or the platform refused
  2    the command line, a file or the config makes no sense
  3    no platform runs in the data folder, or it can't be reached
  130  interrupted`;

/** An error that is told to the user as it is, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  readonly code: string;

  constructor(exitCode: number, code: string, message: string) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
  }
}
