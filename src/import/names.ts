/** Names of the new objects: valid in GoogleSQL, and different from each other in any case of letters. */
import type { Report } from './report.ts';

const NAME_LENGTH_MAX = 128;

/** One space of names: the columns of a table; the tables, indexes and constraints of a schema. */
export class Names {
  readonly #taken = new Set<string>();

  /** The name itself, or the nearest that is valid and free. `kind` as reports begin: `Table`. */
  assign(name: string, kind: string, line: number, report: Report | undefined): string {
    const cleaned = name.normalize('NFKD').replaceAll(/\p{M}/gu, '').replaceAll(/\W/g, '_');
    const valid = (/^[A-Za-z]/.test(cleaned) || (kind === 'Column' && cleaned.startsWith('_')) ? cleaned : `t_${cleaned}`).slice(0, NAME_LENGTH_MAX);
    let free = valid;
    for (let n = 2; this.#taken.has(free.toLowerCase()); n++) free = `${valid.slice(0, NAME_LENGTH_MAX - 8)}_${String(n)}`;
    this.#taken.add(free.toLowerCase());
    if (free !== name) report?.changed(line, `${kind} ${name}`, free === valid ? `is called ${free}: names have letters, digits and _ only` : `is called ${free}: names that differ in case only are the same here, and indexes and constraints share them with tables`);
    return free;
  }
}
