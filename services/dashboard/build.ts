/**
 * Builds the page with Vite: `index.html` and files whose names carry the digest of their content. The same sources give the same
 * bytes, on any machine and in any folder; what is compressed differs with zlib's version, so that whoever serves the page does that.
 */
import { join } from 'node:path';
import { ASSETS } from './pages.ts';

const WEB = join(import.meta.dirname, 'web');

/**
 * @param outDir is emptied first
 * @param web folder of the sources
 * @returns the files that it was made of, by their paths
 * @throws Error of Vite when the sources do not build
 */
export async function buildDashboard(outDir: string, web: string = WEB): Promise<readonly string[]> {
  // Loaded here, because whoever only serves a built page has no Vite.
  const { build } = await import('vite');
  const built = await build({
    root: web, configFile: false, envDir: false, logLevel: 'error', mode: 'production', clearScreen: false,
    // Whatever NODE_ENV says: the development form carries the paths of the sources.
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact', development: false } }, define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      outDir, emptyOutDir: true, assetsDir: ASSETS, assetsInlineLimit: 0, target: 'es2023', modulePreload: { polyfill: false },
      reportCompressedSize: false, chunkSizeWarningLimit: 200,
    },
  });
  const outputs = Array.isArray(built) ? built : 'output' in built ? [built] : [];
  return outputs.flatMap(({ output }) => output.flatMap((file) => (file.type === 'chunk' ? Object.keys(file.modules) : [])));
}
