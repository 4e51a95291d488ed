/** EXPLAIN as the shell draws it. */
import { describe, expect, it } from 'vitest';
import { explainOf, planText } from '../../src/cli/shell/explain.ts';
import type { WireValue } from '../../src/client/wire.ts';

const text = (stringValue: string): WireValue => ({ stringValue });
const struct = (fields: Record<string, string>): WireValue => ({ structValue: { fields: Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, text(v)])) } });
const statistics = (rows: string, scanned: string) => ({ fields: { rows: struct({ total: rows }), scanned_rows: struct({ total: scanned }), latency: struct({ total: '1.50' }), execution_summary: struct({ num_executions: '1' }) } });
const scalar = (description: string) => ({ kind: 'SCALAR', displayName: 'Function', childLinks: [], shortRepresentation: { description }, metadata: null, executionStats: null });
const PLAN = {
  planNodes: [
    { kind: 'RELATIONAL', displayName: 'Serialize Result', childLinks: [{ childIndex: 1, type: '', variable: '' }], shortRepresentation: null, metadata: null, executionStats: null },
    { kind: 'RELATIONAL', displayName: 'Filter Scan', childLinks: [{ childIndex: 2, type: '', variable: '' }, { childIndex: 3, type: 'Residual Condition', variable: '' }], shortRepresentation: null, metadata: null, executionStats: statistics('3', '') },
    { kind: 'RELATIONAL', displayName: 'Table Scan', childLinks: [], shortRepresentation: null, metadata: { fields: { scan_target: text('t\u001b'), 'Full scan': text('true') } }, executionStats: statistics('3', '5000') },
    scalar('($v = "x")'),
  ],
  queryAdvice: { indexAdvice: [{ ddl: ['CREATE INDEX IDX_t_v ON t(v)'], improvementFactor: 99.6 }] },
};

describe('EXPLAIN', () => {
  it('is told from other statements', () => {
    expect(explainOf('EXPLAIN SELECT 1')).toEqual({ sql: 'SELECT 1', analyze: false });
    expect(explainOf(' explain  analyze\nUPDATE t SET v = 1 WHERE TRUE')).toEqual({ sql: 'UPDATE t SET v = 1 WHERE TRUE', analyze: true });
    expect(explainOf('SELECT explain FROM t')).toBeUndefined();
  });

  it('draws operators, conditions, full scans and advice', () => {
    expect(planText(PLAN, false).split('\n').map((line) => line.trimEnd())).toEqual([
      'ID  OPERATOR',
      '0   Serialize Result',
      '1     Filter Scan',
      '2       Table Scan on t\\x1b, full scan',
      '',
      '   1 Residual Condition: ($v = "x")',
      '',
      'An index would let this statement read about 100 times fewer rows:',
      '  CREATE INDEX IDX_t_v ON t(v);',
    ]);
  });

  it('shows what a run did', () => {
    const lines = planText(PLAN, true).split('\n');
    expect(lines[0]).toMatch(/ID +OPERATOR +ROWS +SCANNED +RUNS +MILLISECONDS/);
    expect(lines[3]).toMatch(/full scan +3 +5000 +1 +1\.50/);
  });
});
