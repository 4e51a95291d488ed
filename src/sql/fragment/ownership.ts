/** Rows of a layout among others, and what is done with them first. */
import type { Key } from '../../base/ids.ts';
import type { Evaluate } from '../execute/expressions.ts';
import type { RowReader } from '../rows/decode.ts';
import type { KeyLayout } from '../rows/keyspace.ts';
import type { PageRows } from './page-rows.ts';

/** How rows are found and read. */
export interface RowProgram {
  readonly layout: KeyLayout;
  readonly width: number;
  /** Reads the columns that the condition refers to. */
  readonly reader: RowReader;
  readonly condition: Evaluate | undefined;
  readonly keep: readonly number[] | undefined;
  readonly slots: number;
  /** Undefined: the rows are needed themselves. */
  readonly pages: PageRows | undefined;
}

/** Tells rows of the layout from those of other tables between them. */
export class Ownership {
  own = 0;
  private readonly layout: KeyLayout;
  private readonly isShared: boolean;
  private looked = 0;
  private lookedBefore = 0;
  private ownBefore = 0;

  constructor(layout: KeyLayout) {
    this.layout = layout;
    this.isShared = layout.isShared;
  }

  isOwn(key: Key): boolean {
    this.looked++;
    if (this.isShared && !this.layout.owns(key)) return false;
    this.own++;
    return true;
  }

  /** When most of what was looked at since the last call were rows of other tables, the scan goes on behind them. */
  skipTo(last: Key): Key | undefined {
    const isWorthIt = this.isShared && (this.own - this.ownBefore) * 2 <= this.looked - this.lookedBefore && !this.layout.owns(last);
    this.ownBefore = this.own;
    this.lookedBefore = this.looked;
    return isWorthIt ? this.layout.seekPast(last) : undefined;
  }
}
