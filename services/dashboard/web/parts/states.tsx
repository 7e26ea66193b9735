/** Empty, loading, not available, failed: each says what it means and what to do. */
import type { ComponentChildren } from 'preact';
import type { Asked, Failure } from '../client.tsx';

export function Note({ title, children, error = false }: { title: string; children?: ComponentChildren; error?: boolean }) {
  return <div class={`state${error ? ' error' : ''}`}><strong>{title}</strong>{children}</div>;
}

export const Loading = ({ what }: { what: string }) => <p class="state" role="status">Loading {what}…</p>;

export function Failed({ failure, what, again }: { failure: Failure; what: string; again?: () => void }) {
  if (failure.status === 404 && failure.code === 'not-found') {
    return <Note title="Not available here">This control plane does not offer {what}. The rest of the page works without it.</Note>;
  }
  if (failure.status === 0) {
    return <Note title="No answer" error>The control plane did not answer. It is asked again by itself.</Note>;
  }
  return (
    <Note title={`No ${what}`} error>
      {failure.detail} <span class="mono">({failure.code})</span>
      {again === undefined ? null : <div class="actions"><button type="button" onClick={again}>Try again</button></div>}
    </Note>
  );
}

/** Shows `data` with `children`; without any, says why there is none. */
export function Await<T>({ asked, what, children }: { asked: Asked<T>; what: string; children: (data: T) => ComponentChildren }) {
  if (asked.data !== null) return <>{children(asked.data)}</>;
  if (asked.failure !== null) return <Failed failure={asked.failure} what={what} again={asked.again} />;
  return <Loading what={what} />;
}
