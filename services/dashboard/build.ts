/**
 * Builds the page with Vite: `index.html` and files whose names carry the digest of their content, each with a gzip and a
 * Brotli copy beside it. The same sources give the same bytes, on any machine and in any folder.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { ASSETS } from './pages.ts';

/** What is worth compressing. */
const TEXT = /\.(?:html|js|css|svg)$/;

/** @param outDir is emptied first @throws Error of Vite when the sources do not build */
export async function buildDashboard(outDir: string): Promise<void> {
  // Loaded here, because whoever only serves a built page has no Vite.
  const { build } = await import('vite');
  await build({
    root: join(import.meta.dirname, 'web'), configFile: false, envDir: false, logLevel: 'error', mode: 'production', clearScreen: false,
    // Whatever NODE_ENV says: the development form carries the paths of the sources.
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact', development: false } }, define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      outDir, emptyOutDir: true, assetsDir: ASSETS, assetsInlineLimit: 0, target: 'es2023', modulePreload: { polyfill: false },
      reportCompressedSize: false, chunkSizeWarningLimit: 200,
    },
  });
  for (const file of readdirSync(outDir, { recursive: true, encoding: 'utf8' }).filter((name) => TEXT.test(name))) {
    const bytes = readFileSync(join(outDir, file));
    writeFileSync(join(outDir, `${file}.gz`), gzipSync(bytes, { level: 9 }));
    writeFileSync(join(outDir, `${file}.br`), brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }));
  }
}
