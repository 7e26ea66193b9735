/** Prints what importing a module loads of CDKTF and of the AWS provider, as JSON. Argument: the module. */
import { createRequire } from 'node:module';

const [name] = process.argv.slice(2);
if (name === undefined) throw new Error('usage: loaded.mts MODULE');
await import(name);

// Both are CommonJS: what was loaded is in the cache.
const files = Object.keys(createRequire(import.meta.url).cache).map((file) => file.replaceAll('\\', '/'));
const resources = files.flatMap((file) => /\/provider-aws\/lib\/(.+)\/index\.js$/.exec(file)?.[1] ?? []);
process.stdout.write(JSON.stringify({
  cdktf: files.some((file) => file.includes('/node_modules/cdktf/')),
  pulumi: files.some((file) => file.includes('/node_modules/@pulumi/')),
  barrel: files.some((file) => file.endsWith('/provider-aws/lib/index.js')),
  resources: [...new Set(resources.map((path) => path.split('/')[0]!))].sort(),
}));
