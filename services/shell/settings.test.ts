import { describe, expect, it } from 'vitest';
import { COMMON_SETTINGS, CONTROL_SETTINGS, EDGE_SETTINGS, readSettings, REGION_SETTINGS, SettingsError } from './settings.ts';

const edge = {
  TIDEMARK_SITE: 'n1', TIDEMARK_DATA: '/d', TIDEMARK_TRUST: '/t', TIDEMARK_KEY: '/k', TIDEMARK_POLICY: '/p', TIDEMARK_REGION_URLS: 'http://a, http://b',
};

describe('settings', () => {
  it('are typed, with safe defaults', () => {
    expect(readSettings(EDGE_SETTINGS, edge)).toEqual({
      site: 'n1', data: '/d', host: '127.0.0.1', port: 0, trust: '/t', key: '/k', logLevel: 'info', policy: '/p', regionUrls: ['http://a', 'http://b'],
    });
  });

  it('report every mistake at once, by name, with what is expected', () => {
    const read = (): unknown => readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_SITE: undefined, TIDEMARK_PORT: '70000', TIDEMARK_KEY: '' });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(/TIDEMARK_SITE is not set[\s\S]*TIDEMARK_PORT: expected a whole number from 0 to 65535, got "70000"[\s\S]*TIDEMARK_KEY is empty/);
    expect(() => readSettings(CONTROL_SETTINGS, { ...edge, TIDEMARK_WITNESS_URLS: '{' })).toThrow('TIDEMARK_WITNESS_URLS: not JSON');
  });

  it('have one name each, and a text that says what they are', () => {
    for (const spec of [COMMON_SETTINGS, EDGE_SETTINGS, REGION_SETTINGS, CONTROL_SETTINGS]) {
      const names = Object.values(spec).map((s) => s.env);
      expect(new Set(names).size).toBe(names.length);
      for (const s of Object.values(spec)) expect(s.what.length).toBeGreaterThan(10);
    }
  });
});
