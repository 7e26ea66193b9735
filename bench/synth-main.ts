/** `npm run -s bench:synth`: what synthesis takes for 10, 100 and 1,000 edge sites. */
import { synthesis } from './synth.ts';

for (const { what, unit, value, target } of await synthesis(undefined, 1, (line) => void process.stderr.write(`${line}\n`))) {
  process.stdout.write(`${what}: ${value.median.toFixed(1)} ${unit}${target === undefined || target === null ? '' : ` (target ${target})`}\n`);
}
