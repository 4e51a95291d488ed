/**
 * Checks rows with a unique index over them: each insertion writes a row and an index entry, and must find neither.
 *
 *   index-mismatch    a read in which rows and entries don't correspond one to one
 *   duplicate-key     two insertions of a name acknowledged, and nothing that removed it between them
 *   spurious-exists   ALREADY_EXISTS, though the name cannot have been there
 *   wrong-presence    a read at a timestamp contradicts the insertions and deletions up to it
 */
import { unknown, verdictOf, type Anomaly, type Verdict } from './verdict.ts';

export interface UniqueChange {
  readonly id: number;
  readonly kind: 'insert' | 'delete';
  readonly name: string;
  readonly row: number;
  /** `exists`: refused because the name was taken. */
  readonly outcome: 'ok' | 'exists' | 'fail' | 'unknown';
  readonly start: number;
  readonly end: number;
  /** Commit timestamp, of those that are `ok`. */
  readonly timestamp: number | undefined;
}

export interface UniqueRead {
  readonly id: number;
  readonly timestamp: number;
  /** Row → name, and name → row. */
  readonly rows: ReadonlyMap<number, string>;
  readonly entries: ReadonlyMap<string, number>;
}

export function checkUnique(changes: readonly UniqueChange[], reads: readonly UniqueRead[]): Verdict {
  const anomalies: Anomaly[] = [];
  const byName = new Map<string, UniqueChange[]>();
  for (const change of changes) {
    if (!(change.start <= change.end)) return unknown(`change ${change.id} ends before it starts`);
    if ((change.outcome === 'ok') !== (change.timestamp !== undefined)) return unknown(`change ${change.id}: its timestamp does not fit its outcome`);
    if (change.outcome === 'exists' && change.kind === 'delete') return unknown(`change ${change.id} is a deletion that found something there`);
    const list = byName.get(change.name);
    if (list === undefined) byName.set(change.name, [change]);
    else list.push(change);
  }
  for (const list of byName.values()) anomalies.push(...checkName(list));
  for (const read of reads) {
    for (const [row, name] of read.rows) {
      if (read.entries.get(name) !== row) anomalies.push({ name: 'index-mismatch', detail: `read ${read.id}: row ${row} has name ${name}, whose entry is ${String(read.entries.get(name))}` });
    }
    for (const [name, row] of read.entries) {
      if (read.rows.get(row) !== name) anomalies.push({ name: 'index-mismatch', detail: `read ${read.id}: entry ${name} leads to row ${row}, whose name is ${String(read.rows.get(row))}` });
    }
    for (const [name, list] of byName) anomalies.push(...checkPresence(read, name, list));
  }
  return verdictOf(anomalies.slice(0, 20));
}

function checkName(list: readonly UniqueChange[]): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const done = list.filter(({ outcome }) => outcome === 'ok').sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0));
  const doubtful = list.some(({ kind, outcome }) => kind === 'delete' && outcome === 'unknown');
  for (let i = 1; i < done.length; i++) {
    const [a, b] = [done[i - 1], done[i]];
    if (a?.kind !== 'insert' || b?.kind !== 'insert' || doubtful) continue;
    anomalies.push({ name: 'duplicate-key', detail: `${b.name} was inserted by ${a.id} at ${String(a.timestamp)} and by ${b.id} at ${String(b.timestamp)}` });
  }
  for (const refused of list) {
    if (refused.outcome !== 'exists') continue;
    const justified = list.some((other) => {
      if (other.kind !== 'insert' || other.start >= refused.end) return false;
      if (other.outcome === 'unknown') return true;
      if (other.outcome !== 'ok') return false;
      return !done.some(({ kind, timestamp, end }) => kind === 'delete' && (timestamp ?? 0) > (other.timestamp ?? 0) && end < refused.start);
    });
    if (!justified) anomalies.push({ name: 'spurious-exists', detail: `${refused.name} was refused to ${refused.id}` });
  }
  return anomalies;
}

/** Only for names of which every change is known. */
function checkPresence(read: UniqueRead, name: string, list: readonly UniqueChange[]): Anomaly[] {
  if (list.some(({ outcome }) => outcome === 'unknown')) return [];
  let last: UniqueChange | undefined;
  for (const change of list) {
    if (change.outcome !== 'ok' || (change.timestamp ?? 0) > read.timestamp) continue;
    if (last === undefined || (change.timestamp ?? 0) > (last.timestamp ?? 0)) last = change;
  }
  const expected = last?.kind === 'insert' ? last.row : undefined;
  const found = read.entries.get(name);
  if (found === expected) return [];
  return [{ name: 'wrong-presence', detail: `read ${read.id} at ${read.timestamp}: ${name} leads to ${String(found)}, not to ${String(expected)}` }];
}
