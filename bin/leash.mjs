/**
 * Loaded before a program that bin/run.mjs or bin/tidemark.mjs started: when the starter is gone without a word (kill -9, a
 * crash), the program is told to stop as if by SIGTERM. The starter holds the other end of file descriptor 3 and never writes.
 */
import { Socket } from 'node:net';

// Node hands `--import` on to processes forked from here; they have another parent, and file descriptor 3 is theirs.
if (process.env.TIDEMARK_LEASH === String(process.ppid)) {
  const leash = new Socket({ fd: 3, readable: true, writable: false });
  leash.on('error', () => {});
  leash.on('close', () => process.kill(process.pid, 'SIGTERM'));
  leash.resume();
  leash.unref();
}
