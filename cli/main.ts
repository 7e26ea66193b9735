/** `tidemark`: the command line of the kit. */
import { run } from './program.ts';

process.exitCode = await run(process.argv.slice(2));
