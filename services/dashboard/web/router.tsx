/** Where the page is: the History API, and links that do not load the document again. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { placeOf, type Place } from '../pages.ts';

const MOVED = 'tidemark:moved';

export function go(path: string): void {
  if (path !== `${location.pathname}${location.search}`) history.pushState(null, '', path);
  dispatchEvent(new Event(MOVED));
}

export function usePlace(): Place | null {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const moved = (): void => setPath(location.pathname);
    for (const event of ['popstate', MOVED]) addEventListener(event, moved);
    return () => {
      for (const event of ['popstate', MOVED]) removeEventListener(event, moved);
    };
  }, []);
  return placeOf(path);
}

/**
 * A choice on a page that stands in its address, so that it outlasts a reload and can be sent to somebody.
 * @param values those that there are; another one in the address is not taken
 */
export function useChoice(name: string, values: readonly string[], other: string): readonly [string, (value: string) => void] {
  const [value, setValue] = useState(() => {
    const asked = new URLSearchParams(location.search).get(name);
    return asked !== null && values.includes(asked) ? asked : other;
  });
  const choose = (next: string): void => {
    setValue(next);
    const query = new URLSearchParams(location.search);
    if (next === other) query.delete(name);
    else query.set(name, next);
    history.replaceState(null, '', `${location.pathname}${query.size === 0 ? '' : `?${query.toString()}`}`);
  };
  return [value, choose];
}

export function Link({ to, current, className, children }: { to: string; current?: boolean; className?: string; children: ComponentChildren }) {
  const follow = (event: MouseEvent): void => {
    // A new tab or window is the browser's business.
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    scrollTo(0, 0);
  };
  return <a href={to} onClick={follow} {...(className === undefined ? {} : { class: className })} {...(current === true ? { 'aria-current': 'page' as const } : {})}>{children}</a>;
}
