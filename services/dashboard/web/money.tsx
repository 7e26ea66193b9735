/** Amounts as people write them: the control plane tells how many decimal places each asset has. */
import { createContext, type ComponentChildren } from 'preact';
import { useContext } from 'preact/hooks';
import { useAsked } from './client.tsx';
import { money } from './format.ts';
import { readAssets } from './shapes.ts';

/** They change when the platform does. */
const POLL_MS = 30_000;

/** Null: not known yet. */
const Context = createContext<ReadonlyMap<string, number> | null>(null);

export function MoneyProvider({ children }: { children: ComponentChildren }) {
  const scales = useAsked('/v1/assets', readAssets, POLL_MS);
  return <Context.Provider value={scales.loading ? null : scales.data ?? new Map()}>{children}</Context.Provider>;
}

/** How an amount looks; nothing while the places of the assets are asked for, so that no amount is ever shown with wrong ones. */
export function useMoney(): (minor: string, asset: string) => string {
  const scales = useContext(Context);
  return (minor, asset) => (scales === null ? '' : money(minor, asset, scales));
}
