/**
 * A line for each request that is answered with a problem: what went wrong here above debug level, what a client got wrong at
 * debug level. By route, not by URL: whose account it was about is for nobody who reads logs.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../protocol/errors.ts';
import { createAllowance } from './allowance.ts';

/** Lines above debug level a second: under load, thousands of requests may be told to come back. */
const LINES_PER_SECOND = 10;
const COME_BACK = 503;
/** Says by its very answer that the service can't work yet, to whoever asks that all the time. */
const READINESS = '/readyz';

/** @param now milliseconds */
export function createProblemLog(now: () => number = () => performance.now()): (request: FastifyRequest, reply: FastifyReply, problem: Problem, error: Error) => void {
  const lines = createAllowance(LINES_PER_SECOND);
  let unsaid = 0;
  return (request, reply, problem, error) => {
    const { status, code } = problem;
    const route = request.routeOptions.url;
    const line = { method: request.method, route: route ?? null, status, code, duration_ms: Math.round(reply.elapsedTime * 1_000) / 1_000 };
    if (status < 500 || route === READINESS) {
      request.log.debug({ ...line, detail: problem.message }, 'request answered with a problem');
      return;
    }
    if (!lines.take(now())) {
      unsaid += 1;
      return;
    }
    const more = { ...line, ...(unsaid === 0 ? {} : { unsaid }) };
    unsaid = 0;
    // Not one of ours: a mistake in the program, and where it is.
    if (error !== problem) request.log.error({ ...more, err: error }, 'request failed');
    else if (status === COME_BACK) request.log.warn({ ...more, detail: problem.message }, 'request put off');
    else request.log.error({ ...more, detail: problem.message }, 'request failed');
  };
}
