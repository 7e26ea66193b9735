/** What goes wrong with images, told to the user as it is. */
import { CliError, EXIT } from '../errors.ts';

/** What was asked for, or a file that was given, makes no sense. */
export const imageUsage = (message: string): CliError => new CliError(EXIT.usage, 'usage', message);

/** It was tried and failed: a registry refused, bytes are not what their digest says. */
export const imageFailure = (message: string): CliError => new CliError(EXIT.failed, 'image', message);

export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed" and has what happened in its cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
};
