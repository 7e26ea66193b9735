/** `tidemark`: the command line of the kit. */
import { run } from './program.ts';

// Whoever reads has seen enough (`| head`): that is a good end. A command that has something to clean up is told to stop.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM');
  else process.exit(0);
});
// Nobody is there any more to be told.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await run(process.argv.slice(2));
