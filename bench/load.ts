/** Drives the load generator (load-process.ts) from the benchmark. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from './cleanup.ts';
import type { Job, JobResult, Reply } from './jobs.ts';

export interface Load {
  /** One job after the other. @throws Error when a request failed: a figure with failures in it would say nothing */
  run(job: Job): Promise<JobResult>;
}

export function startLoad(cleanup: Cleanup): Load {
  const program = fileURLToPath(new URL('load-process.ts', import.meta.url));
  const child: ChildProcess = fork(program, [], { serialization: 'advanced', execArgv: [] });
  cleanup.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  return {
    run: (job) => new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        reject(new Error(`the load generator ended with ${code ?? signal}`));
      };
      child.once('exit', onExit);
      child.once('message', (reply: Reply) => {
        child.off('exit', onExit);
        if (reply.ok) resolve(reply.result);
        else reject(new Error(`${job.kind}: ${reply.error}`));
      });
      child.send(job);
    }),
  };
}
