/** A synthesis in a process of its own: CONFIG FOLDER. Says what it took, as JSON: `{ ms, peakMib, stacks }`. */
import { loadPlatform } from '../../platform/index.ts';
import { buildApp, stackNames } from '../../stacks/app.ts';

const [config, outdir] = process.argv.slice(2);
if (config === undefined || outdir === undefined) throw new Error('usage: synth-main.ts CONFIG FOLDER');
const platform = await loadPlatform(config);
const started = performance.now();
buildApp(platform, { outdir }).synth();
process.stdout.write(`${JSON.stringify({
  ms: performance.now() - started, peakMib: process.resourceUsage().maxRSS / 1_024, stacks: stackNames(platform).length,
})}\n`);
