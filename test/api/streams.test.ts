/** Streams of results: sets, pieces of large values, resume tokens, headers before errors. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { EAGER_SET_BYTES } from '../../src/api/limits.ts';
import { cutRow } from '../../src/api/wire/chunks.ts';
import type { WireValue } from '../../src/sql/values/wire.ts';
import { failure, struct, TestEdge, type Message, type RawClient } from './harness.ts';
import { textOf } from './fake-sql.ts';

let edge: TestEdge;
let client: RawClient;
let session: string;

beforeAll(async () => {
  edge = await TestEdge.start();
  client = edge.client();
  session = await client.session();
});
afterAll(() => edge.close());

interface ProtoValue {
  readonly kind: string;
  readonly stringValue?: string;
  readonly listValue?: { readonly values: readonly ProtoValue[] };
  readonly numberValue?: number;
}

function plain(value: ProtoValue): WireValue {
  if (value.kind === 'stringValue') return value.stringValue ?? '';
  if (value.kind === 'listValue') return (value.listValue?.values ?? []).map(plain);
  return value.kind === 'numberValue' ? (value.numberValue ?? 0) : null;
}

/** The merge that the API describes, written as simply as possible. */
function merge(head: WireValue, tail: WireValue): WireValue {
  if (typeof head === 'string' && typeof tail === 'string') return head + tail;
  if (!Array.isArray(head) || !Array.isArray(tail)) throw new Error('these cannot be merged');
  const a: readonly WireValue[] = head;
  const b: readonly WireValue[] = tail;
  const last = a.at(-1);
  const first = b[0];
  const joins = (typeof last === 'string' && typeof first === 'string') || (Array.isArray(last) && Array.isArray(first));
  return joins && last !== undefined && first !== undefined ? [...a.slice(0, -1), merge(last, first), ...b.slice(1)] : [...a, ...b];
}

function valuesOf(sets: readonly { readonly values: readonly WireValue[]; readonly chunked: boolean }[]): WireValue[] {
  const out: WireValue[] = [];
  let open = false;
  for (const set of sets) {
    for (const [i, value] of set.values.entries()) {
      const last = out.at(-1);
      if (i === 0 && open && last !== undefined) out[out.length - 1] = merge(last, value);
      else out.push(value);
    }
    open = set.chunked;
  }
  return out;
}

const setsOf = (messages: readonly Message[]): { values: WireValue[]; chunked: boolean }[] =>
  messages.map((m) => ({ values: ((m['values'] ?? []) as ProtoValue[]).map(plain), chunked: m['chunkedValue'] === true }));

const query = (sql: string, extra: Message = {}): Message => ({ session, sql, ...extra });

describe('sets', () => {
  it('sends metadata in the first, marks the last, and one set for no rows', async () => {
    const { messages, error } = await client.stream('ExecuteStreamingSql', query('SELECT GENERATE(0, 1)'));
    expect(error).toBeUndefined();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({ last: true, metadata: { rowType: { fields: [{ name: 'n', type: { code: 'INT64' } }, { name: 'text' }] } } });
  });

  it('cuts 5,000 rows of 2,000 characters into sets of about 1 MiB, each with a token', async () => {
    const { messages } = await client.stream('ExecuteStreamingSql', query('SELECT GENERATE(5000, 2000)'));
    expect(messages.filter((m) => m['metadata'] !== undefined)).toHaveLength(1);
    expect(messages.filter((m) => m['last'] === true)).toEqual([messages.at(-1)]);
    expect(messages.every((m) => (m['resumeToken'] as Buffer).length > 0)).toBe(true);
    expect(messages.length).toBeGreaterThan(10);
    expect(messages.length).toBeLessThan((5000 * 3000) / EAGER_SET_BYTES);
    const values = valuesOf(setsOf(messages));
    expect(values).toHaveLength(10_000);
    expect(values.slice(9998)).toEqual(['4999', textOf(4999, 2000)]);
  });

  it.each(['SELECT GENERATE(3, 2400000)', 'SELECT ARRAYS(3000, 3000)', 'SELECT ARRAYS(200000, 7)', 'SELECT ARRAYS(4, 2500000)'])('puts %s together again', async (sql) => {
    const { messages, error } = await client.stream('ExecuteStreamingSql', query(sql));
    expect(error).toBeUndefined();
    const sets = setsOf(messages);
    expect(sets.some((set) => set.chunked)).toBe(true);
    expect(Math.max(...messages.map((m) => JSON.stringify(m['values'] ?? []).length))).toBeLessThan(12_000_000);
    const values = valuesOf(sets);
    const [, rows = '0', chars = '0'] = /\((\d+), *(\d+)\)/.exec(sql) ?? [];
    if (sql.includes('GENERATE')) expect(values.map((v, i) => (i % 2 === 1 ? v === textOf((i - 1) / 2, Number(chars)) : v === String(i / 2)))).not.toContain(false);
    else {
      const expected = Array.from({ length: Number(rows) }, (_, i) => (i % 7 === 3 ? null : textOf(i, Number(chars))));
      expect(values[1]).toBe('42');
      expect(JSON.stringify(values[0]) === JSON.stringify(expected)).toBe(true);
    }
  });

  it('refuses a unary result over 10 MiB', async () => {
    expect((await failure(client.call('ExecuteSql', query('SELECT GENERATE(5000, 3000)')))).code).toBe(Code.FAILED_PRECONDITION);
  });
});

describe('cuts', () => {
  const rows: readonly WireValue[][] = [
    ['x'.repeat(5000), 'y'],
    [['a'.repeat(3000), 'b', '', 'c'.repeat(4000)], 'tail'],
    [[['ab'.repeat(900), ['c'.repeat(2000)]], [[], ['😀'.repeat(700)]], null, 'z'.repeat(1000)], null, 7, true],
    [Array.from({ length: 700 }, (_, i) => String(i)), Array.from({ length: 300 }, () => [['p', 'q'], null])],
    ['é'.repeat(2500), '漢'.repeat(2500), '😀'.repeat(2500)],
  ];
  it.each(rows.map((row, i) => [i, row] as const))('row %i in pieces of many sizes is put together again', (_, row) => {
    for (const limit of [600, 1000, 1024, 1777, 4096, 9000]) {
      const pieces = [...cutRow(row, limit)];
      expect(JSON.stringify(valuesOf(pieces))).toBe(JSON.stringify(row));
    }
  });
});

describe('resuming', () => {
  const collect = async (request: Message, tokenAt: number): Promise<{ before: Message[]; after: Message[] }> => {
    const whole = (await client.stream('ExecuteStreamingSql', request)).messages;
    const before = whole.slice(0, tokenAt + 1);
    const resumed = await client.stream('ExecuteStreamingSql', { ...request, resumeToken: before.at(-1)?.['resumeToken'] });
    expect(resumed.error).toBeUndefined();
    return { before, after: resumed.messages };
  };

  it.each([
    ['SELECT GENERATE(3000, 2000)', 0],
    ['SELECT GENERATE(3000, 2000)', 4],
    ['SELECT GENERATE(2, 2400000)', 1],
    ['SELECT GENERATE(2, 2400000)', 3],
    ['SELECT ARRAYS(3000, 3000)', 5],
  ])('%s goes on exactly after set %i', async (sql, at) => {
    const request = query(sql);
    const whole = valuesOf(setsOf((await client.stream('ExecuteStreamingSql', request)).messages));
    const { before, after } = await collect(request, at);
    const joined = valuesOf([...setsOf(before), ...setsOf(after)]);
    expect(JSON.stringify(joined) === JSON.stringify(whole)).toBe(true);
  });

  it('a token of another statement is refused', async () => {
    const { messages } = await client.stream('ExecuteStreamingSql', query('SELECT GENERATE(1, 1)'));
    const resumeToken = messages[0]?.['resumeToken'];
    expect((await client.stream('ExecuteStreamingSql', query('SELECT GENERATE(2, 1)', { resumeToken }))).error?.code).toBe(Code.INVALID_ARGUMENT);
    expect((await client.stream('ExecuteStreamingSql', query('SELECT 1', { resumeToken: Buffer.from('x') }))).error?.code).toBe(Code.INVALID_ARGUMENT);
  });

  it('reads at the timestamp of the interrupted stream', async () => {
    const write = (v: string): Promise<Message> =>
      client.call('Commit', {
        session,
        singleUseTransaction: { readWrite: {} },
        mutations: [{ replace: { table: 'T', columns: ['k', 'v'], values: [{ values: [{ stringValue: 'r' }, { stringValue: v }] }] } }],
      });
    await write('before');
    const request = { session, sql: 'SELECT * FROM T' };
    const first = await client.stream('ExecuteStreamingSql', request);
    await write('after');
    await client.call('Commit', { session, singleUseTransaction: { readWrite: {} }, mutations: [{ insert: { table: 'T', columns: ['k', 'v'], values: [{ values: [{ stringValue: 's' }, { stringValue: 'x' }] }] } }] });
    const resumed = await client.stream('ExecuteStreamingSql', { ...request, resumeToken: first.messages.at(-1)?.['resumeToken'] });
    expect(valuesOf(setsOf(resumed.messages))).toEqual([]);
  });

  it('takes the empty transaction id with which the official client resumes a single-use read', async () => {
    const request = query('SELECT GENERATE(3000, 2000)', { transaction: { singleUse: { readOnly: { returnReadTimestamp: true } } } });
    const whole = await client.stream('ExecuteStreamingSql', request);
    const resumeToken = whole.messages[1]?.['resumeToken'];
    const resumed = await client.stream('ExecuteStreamingSql', { ...request, transaction: { id: Buffer.alloc(0) }, resumeToken });
    expect(resumed.error).toBeUndefined();
    expect(resumed.messages).toHaveLength(whole.messages.length - 2);
    expect((await client.stream('ExecuteStreamingSql', { ...request, transaction: { id: Buffer.alloc(0) } })).error?.code).toBe(Code.NOT_FOUND);
  });

  it('goes on in the transaction that the statement began', async () => {
    const request = query('INSERT (@k, @v) THEN RETURN', { params: struct({ k: 'resume', v: '1' }), seqno: 1, transaction: { begin: { readWrite: {} } } });
    const first = await client.stream('ExecuteStreamingSql', request);
    const again = await client.stream('ExecuteStreamingSql', { ...request, resumeToken: first.messages[0]?.['resumeToken'] });
    expect(again.error).toBeUndefined();
    expect(valuesOf(setsOf(again.messages))).toEqual([]);
    expect(again.messages.at(-1)?.['stats']).toMatchObject({ rowCountExact: 1 });
  });
});

describe('failing streams', () => {
  it('sends headers before an error, at once or later', async () => {
    const early = await client.stream('ExecuteStreamingSql', query('SELEKT'));
    expect(early).toMatchObject({ headers: true, messages: [] });
    expect(early.error?.code).toBe(Code.INVALID_ARGUMENT);
    const late = await client.stream('ExecuteStreamingSql', query('SELECT FAIL(1000)'));
    expect(late.error?.code).toBe(Code.INTERNAL);
    expect(late.error?.details).not.toContain('invariant');
    expect(edge.logged.at(-1)?.fields['stack']).toContain('a broken invariant');
  });

  it('stops when the client goes away, and ends at the deadline', async () => {
    edge.database.sql.gate = new Promise(() => undefined);
    const slow = await client.stream('ExecuteStreamingSql', query('SELECT 1'), 50);
    expect(slow.error?.code).toBe(Code.DEADLINE_EXCEEDED);
    edge.database.sql.gate = undefined;
    expect((await client.stream('ExecuteStreamingSql', query('SELECT 1'))).error).toBeUndefined();
  });
});
