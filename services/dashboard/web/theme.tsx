/** Dark or light: as the system says, until the user says otherwise. */
import { useState } from 'preact/hooks';
import { store, stored } from './storage.tsx';

type Theme = 'dark' | 'light';
const NAME = 'tidemark:theme';
const system = matchMedia('(prefers-color-scheme: light)');

function current(): Theme {
  const chosen = stored(NAME);
  return chosen === 'dark' || chosen === 'light' ? chosen : system.matches ? 'light' : 'dark';
}

export function applyTheme(): void {
  const apply = (): void => void (document.documentElement.dataset['theme'] = current());
  apply();
  system.addEventListener('change', apply);
}

export function ThemeButton() {
  const [theme, setTheme] = useState(current);
  const other = theme === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    store(NAME, other);
    document.documentElement.dataset['theme'] = other;
    setTheme(other);
  };
  return <button type="button" onClick={change}>{other === 'light' ? 'Light' : 'Dark'} colours</button>;
}
