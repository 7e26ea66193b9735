/** Tables, and what hangs on each of them: a download of exactly what it shows. */
import type { ComponentChildren } from 'preact';
import { toCsv, type Cell } from '../csv.ts';
import type { Interval } from '../telemetry-shapes.ts';
import { Notes } from './figures.tsx';

export interface Column<T> {
  readonly name: string;
  readonly show: (row: T) => ComponentChildren;
  /** For the download: the value itself, in the unit that the name says. */
  readonly value: (row: T) => Cell;
  readonly number?: boolean;
  /** Of the value: their ends go into the download, and what has to be said of them stands below the table. */
  readonly intervals?: (row: T) => readonly Interval[];
  /** The name of this column in the download. @default - `name` */
  readonly csvName?: string;
}

/** Saves a text as a file. */
export const save = (name: string, text: string, type: string): void => saveBlob(name, new Blob([text], { type }));

export function saveBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const Download = ({ name, text, type = 'text/plain', children }: { name: string; text: () => string; type?: string; children: ComponentChildren }) =>
  <button type="button" class="quiet" onClick={() => save(name, text(), type)}>{children}</button>;

export function Csv<T>({ name, columns, rows }: { name: string; columns: readonly Column<T>[]; rows: readonly T[] }) {
  const text = (): string => {
    const all = columns.flatMap(({ name: shown, csvName = shown, value, intervals }): readonly { readonly head: string; readonly of: (row: T) => Cell }[] => {
      const methods = intervals === undefined ? [] : [...new Set(rows.flatMap((row) => intervals(row).map((i) => i.method)))];
      return [{ head: csvName, of: value }, ...methods.flatMap((method) => (['low', 'high'] as const).map((end) => (
        { head: `${csvName} ${method} ${end}`, of: (row: T): Cell => intervals!(row).find((i) => i.method === method)?.[end] })))];
    });
    return toCsv(all.map(({ head }) => head), rows.map((row) => all.map(({ of }) => of(row))));
  };
  return <Download name={`${name}.csv`} text={text} type="text/csv">Download CSV</Download>;
}

/** @param name of the downloaded file; none: no download */
export function Table<T>({ caption, columns, rows, name, rowKey }: {
  caption: string; columns: readonly Column<T>[]; rows: readonly T[]; name?: string; rowKey: (row: T) => string;
}) {
  return (
    <>
      {/* What scrolls has to be reachable by keyboard. */}
      <div class="scroll" role="region" aria-label={caption} tabIndex={0}>
        <table>
          <caption>{caption}</caption>
          <thead><tr>{columns.map((c) => <th scope="col" key={c.name} class={c.number === true ? 'number' : ''}>{c.name}</th>)}</tr></thead>
          <tbody>
            {rows.map((row) => (
              <tr key={rowKey(row)}>
                {columns.map((c, i) => (i === 0
                  ? <th scope="row" key={c.name}>{c.show(row)}</th>
                  : <td key={c.name} class={c.number === true ? 'number' : ''}>{c.show(row)}</td>))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Notes of={columns.flatMap(({ name: figure, intervals }) => (intervals === undefined ? [] : [[figure, rows.flatMap(intervals)] as const]))} />
      {name === undefined ? null : <div class="actions"><Csv name={name} columns={columns} rows={rows} /></div>}
    </>
  );
}
