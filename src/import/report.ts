/** What became of each statement: everything that is not carried over is here, with its line and the reason. */

export interface Finding {
  /**
   * `lost`: a statement, a clause of one or a row is not in the new database. `changed`: it is there in another form.
   * `--strict` fails on the first kind.
   */
  readonly kind: 'lost' | 'changed';
  readonly line: number;
  /** The statement's beginning, or what of it. */
  readonly what: string;
  readonly reason: string;
}

export class Report {
  readonly #onFinding: (finding: Finding) => void;
  readonly counts = { lost: 0, changed: 0 };
  /** Statements that only set up the session, own or comment nothing that is data: SET, LOCK TABLES, BEGIN. */
  ignored = 0;

  constructor(onFinding: (finding: Finding) => void) {
    this.#onFinding = onFinding;
  }

  lost(line: number, what: string, reason: string): void {
    this.counts.lost++;
    this.#onFinding({ kind: 'lost', line, what: excerpt(what), reason });
  }

  changed(line: number, what: string, reason: string): void {
    this.counts.changed++;
    this.#onFinding({ kind: 'changed', line, what: excerpt(what), reason });
  }
}

function excerpt(text: string): string {
  const line = text.slice(0, 400).replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
