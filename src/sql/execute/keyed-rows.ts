/**
 * Rows of a subplan by keys that the enclosing row has the values of (plan/keyed.ts): read for each enclosing row as long
 * as that is little, then read once and kept. They are kept by the frame in which the WITH names that they are made of are
 * defined, or by the statement's own, and count for its memory; where they would be too many, or cannot all be computed,
 * it goes on as it began.
 */
import { Code, TrestleError } from '../../base/errors.ts';
import { NO_ROW } from './expressions.ts';
import { NO_CANDIDATES, ownerOf, TableOfHashes, type KeyOfRow } from './joins.ts';
import { openedAtFirst, RowsOperator, type Frame, type Operator, type Plan } from './runtime.ts';

/** The share of the statement's memory that is kept at most. */
const MAX_SHARE = 0.25;

export interface KeyedRows {
  /** The rows of the enclosing row, read. */
  readonly direct: Plan;
  /** The rows of all enclosing rows; undefined when they depend on the enclosing row after all. */
  readonly rows: Plan | undefined;
  readonly keyOf: KeyOfRow;
  readonly valueOf: KeyOfRow;
  /** Of the WITH names that the rows are made of. */
  readonly spools: readonly object[];
}

/** What the runs of one subplan know, kept by a frame. */
interface Known {
  scanned: number;
  runs: number;
  /** Undefined at first; then the table, or that there will be none. */
  table: Promise<TableOfHashes | 'too many'> | undefined;
}

export function keyedRowsPlan(keyed: KeyedRows): Plan {
  const open = async (frame: Frame): Promise<Operator> => {
    const owner = ownerOf(keyed.spools, frame);
    const known = knownOf(owner, keyed);
    // Rows of a WITH name are in memory anyway, and not counted.
    const isWorthIt = known.scanned >= frame.execution.keepAfterRows || (known.runs > 0 && keyed.spools.length > 0);
    known.runs++;
    if (keyed.rows === undefined || !isWorthIt) return counting(keyed.direct, frame, known);
    known.table ??= keep(keyed.rows, keyed.keyOf, owner);
    const table = await known.table;
    if (table === 'too many') return keyed.direct(frame);
    const value = keyed.valueOf(NO_ROW, frame);
    return new RowsOperator(value === undefined ? NO_CANDIDATES : table.get(value));
  };
  return openedAtFirst(open);
}

function knownOf(owner: Frame, keyed: KeyedRows): Known {
  const found = owner.cells.get(keyed) as Known | undefined;
  if (found !== undefined) return found;
  const known: Known = { scanned: 0, runs: 0, table: undefined };
  owner.cells.set(keyed, known);
  return known;
}

/** Notes how many rows were read. */
function counting(plan: Plan, frame: Frame, known: Known): Operator {
  const { statistics } = frame.execution;
  const operator = plan(frame);
  return {
    async next() {
      const before = statistics.rowsScanned;
      const rows = await operator.next();
      known.scanned += statistics.rowsScanned - before;
      return rows;
    },
    close: () => operator.close(),
  };
}

async function keep(plan: Plan, keyOf: KeyOfRow, owner: Frame): Promise<TableOfHashes | 'too many'> {
  const table = new TableOfHashes(keyOf, owner);
  const operator = plan(owner);
  try {
    for (let batch = await operator.next(); batch !== undefined; batch = await operator.next()) {
      owner.checkCancelled();
      await table.add(batch);
      if (table.bytes <= owner.memory.limit * MAX_SHARE) continue;
      table.release();
      return 'too many';
    }
    return table;
  } catch (error) {
    table.release();
    // A row that fails need not be one that is asked for.
    if (error instanceof TrestleError && (error.code === Code.OUT_OF_RANGE || error.code === Code.RESOURCE_EXHAUSTED)) return 'too many';
    throw error;
  } finally {
    await operator.close();
  }
}

