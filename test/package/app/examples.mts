/** Synthesizes the examples of the READMEs, each in an app of its own. Arguments: the output folder, then the modules. */
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, type TerraformStack } from 'cdktf';

const [outdir, ...files] = process.argv.slice(2);
if (outdir === undefined) throw new Error('usage: examples.mts OUTDIR FILE...');

for (const file of files) {
  const { Example } = await import(pathToFileURL(file).href) as { Example: new (app: App, id: string) => TerraformStack };
  const app = new App({ outdir: join(outdir, basename(file, '.mts')) });
  new Example(app, 'example');
  app.synth();
}
