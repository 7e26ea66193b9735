/** The pages' addresses: one list for the router in the browser and for the server, which answers each with the same document. */

/** As fastify writes paths. `:id` is one path element. */
export const PAGES = {
  overview: '/',
  region: '/regions/:id',
  site: '/sites/:id',
  settlements: '/settlements',
  settlement: '/settlements/:id',
  incidents: '/incidents',
  incident: '/incidents/:id',
  log: '/log',
  audit: '/audit',
  partitions: '/partitions',
} as const;

/** Folder of the files whose names carry their digest: they never change. */
export const ASSETS = 'assets';

export type PageId = keyof typeof PAGES;

export interface Place {
  readonly page: PageId;
  /** What stands for `:id`; empty without one. */
  readonly id: string;
}

/** @returns null when nothing is at this path */
export function placeOf(path: string): Place | null {
  const parts = path.split('/').slice(1);
  for (const [page, pattern] of Object.entries(PAGES) as [PageId, string][]) {
    const wanted = pattern.split('/').slice(1);
    if (wanted.length !== parts.length || !wanted.every((w, i) => (w === ':id' ? parts[i] !== '' : w === parts[i]))) continue;
    try {
      return { page, id: wanted.includes(':id') ? decodeURIComponent(parts.at(-1)!) : '' };
    } catch {
      return null;
    }
  }
  return null;
}

export const pathOf = (page: PageId, id = ''): string => PAGES[page].replace(':id', encodeURIComponent(id));
