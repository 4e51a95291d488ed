/**
 * Random queries and DML over three small tables: joins, groups, set operations, subqueries, arrays, structs. What a
 * query answers must not depend on the order in which rows come: a limit stands only behind an order by every column of
 * the result, and arrays are made of ordered rows.
 */
import type { Random } from '../../src/base/env.ts';
import { pick } from './literals.ts';

export const TABLES: readonly string[] = [
  'CREATE TABLE A (k INT64 NOT NULL, i INT64, s STRING(MAX), f FLOAT64, b BOOL, d DATE, n NUMERIC, l ARRAY<INT64>) PRIMARY KEY (k)',
  'CREATE TABLE B (k INT64 NOT NULL, j INT64 NOT NULL, i INT64, s STRING(MAX), t TIMESTAMP, y BYTES(MAX)) PRIMARY KEY (k, j DESC)',
  'CREATE TABLE C (s STRING(MAX), i INT64, f FLOAT64, l ARRAY<STRING(MAX)>) PRIMARY KEY (s)',
  'CREATE INDEX AByI ON A (i, s)',
  'CREATE INDEX BByS ON B (s DESC) STORING (i)',
  'CREATE INDEX CByI ON C (i)',
];

export const ROWS: readonly string[] = [
  `INSERT INTO A (k, i, s, f, b, d, n, l) VALUES
   (1, 1, 'a', 1.5, TRUE, '2020-01-01', 1.5, [1, 2, 3]), (2, 2, 'b', NULL, FALSE, '2020-02-29', NULL, [2]), (3, NULL, 'c', -2.5, NULL, NULL, 0, []),
   (4, 1, NULL, 0, TRUE, '1999-12-31', -1.5, NULL), (5, 3, 'a', 1.5, FALSE, '2020-01-01', 1.5, [NULL, 4]), (6, -1, '', 100, NULL, '2021-06-15', 2, [5, 5]), (7, 2, 'B', 2, TRUE, NULL, NULL, [7, 1])`,
  `INSERT INTO B (k, j, i, s, t, y) VALUES
   (1, 1, 1, 'a', '2020-01-01T00:00:00Z', b'x'), (1, 2, 2, 'b', NULL, b'y'), (1, 3, NULL, 'a', '2021-01-01T12:30:00Z', NULL), (2, 1, 1, NULL, '2020-01-01T00:00:00Z', b''),
   (4, 1, 7, 'c', '1970-01-01T00:00:00Z', b'x'), (4, 2, 2, 'd', NULL, b'z'), (8, 1, 3, 'a', '2022-02-02T02:02:02Z', b'x'), (9, 5, NULL, NULL, NULL, NULL)`,
  `INSERT INTO C (s, i, f, l) VALUES ('a', 1, 1.5, ['x', 'y']), ('b', 2, NULL, []), ('c', NULL, 3, NULL), ('e', 5, -2.5, ['a', NULL]), (NULL, 1, 0, ['a', 'b', 'c'])`,
];

type Type = 'INT64' | 'STRING' | 'FLOAT64' | 'BOOL' | 'DATE' | 'NUMERIC' | 'TIMESTAMP' | 'BYTES';
const SCALARS: readonly Type[] = ['INT64', 'INT64', 'INT64', 'STRING', 'STRING', 'FLOAT64', 'BOOL', 'DATE', 'NUMERIC', 'TIMESTAMP', 'BYTES'];

interface Column {
  readonly text: string;
  readonly type: Type | 'ARRAY<INT64>' | 'ARRAY<STRING>' | 'ARRAY<STRUCT>';
}
type Scope = readonly Column[];

const column = (name: string, type: Column['type']): Column => ({ text: name, type });
const COLUMNS: Readonly<Record<string, Scope>> = {
  A: [column('k', 'INT64'), column('i', 'INT64'), column('s', 'STRING'), column('f', 'FLOAT64'), column('b', 'BOOL'), column('d', 'DATE'), column('n', 'NUMERIC'), column('l', 'ARRAY<INT64>')],
  B: [column('k', 'INT64'), column('j', 'INT64'), column('i', 'INT64'), column('s', 'STRING'), column('t', 'TIMESTAMP'), column('y', 'BYTES')],
  C: [column('s', 'STRING'), column('i', 'INT64'), column('f', 'FLOAT64'), column('l', 'ARRAY<STRING>')],
};
const TABLE_NAMES = Object.keys(COLUMNS);

const LITERALS: Readonly<Record<Type, readonly string[]>> = {
  INT64: ['0', '1', '2', '3', '-1', '7', 'NULL'],
  STRING: ["'a'", "'b'", "'c'", "''", "'abc'", 'CAST(NULL AS STRING)'],
  FLOAT64: ['0.0', '1.5', '-2.5', '3.0', 'CAST(NULL AS FLOAT64)'],
  BOOL: ['TRUE', 'FALSE', 'CAST(NULL AS BOOL)'],
  DATE: ["DATE '2020-01-01'", "DATE '2020-02-29'", 'CAST(NULL AS DATE)'],
  NUMERIC: ["NUMERIC '1.5'", "NUMERIC '0'", 'CAST(NULL AS NUMERIC)'],
  TIMESTAMP: ["TIMESTAMP '2020-01-01 00:00:00+00'", "TIMESTAMP '2021-01-01 12:30:00+00'"],
  BYTES: ["b'x'", "b''", 'CAST(NULL AS BYTES)'],
};

export interface GeneratedQuery {
  readonly sql: string;
  readonly ordered: boolean;
}
export interface GeneratedDml {
  readonly sql: string;
  readonly table: string;
}

/** What a query gives: names and types of its columns. */
interface Shape {
  readonly sql: string;
  readonly columns: Scope;
}

export class QueryGenerator {
  private readonly random: Random;
  private aliases = 0;

  constructor(random: Random) {
    this.random = random;
  }

  next(): GeneratedQuery {
    this.aliases = 0;
    const cte = this.chance(6) ? this.core(1, [], undefined) : undefined;
    const name = cte === undefined ? undefined : this.alias('w');
    const { sql, columns } = this.query(2, name === undefined || cte === undefined ? undefined : { name, columns: cte.columns });
    const text = cte === undefined ? sql : `WITH ${String(name)} AS (${cte.sql}) ${sql}`;
    const sortable = columns.every(({ type }) => !type.startsWith('ARRAY'));
    if (!sortable || !this.chance(2)) return { sql: text, ordered: false };
    const keys = this.shuffled(columns.map((_, i) => `${i + 1}${pick(this.random, ['', ' DESC', ' ASC', ' NULLS LAST', ' DESC NULLS FIRST'])}`));
    const limit = this.chance(2) ? ` LIMIT ${this.random.int(6)}${this.chance(2) ? ` OFFSET ${this.random.int(3)}` : ''}` : '';
    return { sql: `${text} ORDER BY ${keys.join(', ')}${limit}`, ordered: true };
  }

  nextDml(): GeneratedDml {
    this.aliases = 0;
    const table = pick(this.random, TABLE_NAMES);
    const returning = this.chance(2) ? ` THEN RETURN ${this.chance(4) ? 'WITH ACTION AS act ' : ''}${this.chance(2) ? '*' : this.expr(COLUMNS[table] ?? [], this.scalarType(), 1)}` : '';
    const kind = this.random.int(4);
    const all = COLUMNS[table] ?? [];
    if (kind === 0) return { table, sql: `DELETE FROM ${table} WHERE ${this.condition(all, 2)}${returning}` };
    if (kind === 1) {
      const keys = table === 'A' ? ['k'] : table === 'B' ? ['k', 'j'] : ['s'];
      const targets = this.shuffled(all.filter(({ text }) => !keys.includes(text))).slice(0, 1 + this.random.int(2));
      const sets = targets.map((c) => `${c.text} = ${this.chance(8) ? 'DEFAULT' : this.value(c, all)}`);
      return { table, sql: `UPDATE ${table} SET ${sets.join(', ')} WHERE ${this.condition(all, 2)}${returning}` };
    }
    // Which of two rows of a query with the same key is ignored is open.
    const verb = pick(this.random, ['INSERT', 'INSERT', 'INSERT OR UPDATE', ...(kind === 2 ? ['INSERT OR IGNORE'] : [])]);
    const keys = all.filter(({ text }) => text === 'k' || text === 'j' || (table === 'C' && text === 's'));
    const rest = this.shuffled(all.filter((c) => !keys.includes(c)));
    // What becomes of columns that are not named in a row that exists is not the same here and there.
    const others = verb === 'INSERT OR UPDATE' ? rest : rest.slice(0, this.random.int(4));
    const targets = [...keys, ...others];
    const list = targets.map(({ text }) => text).join(', ');
    if (kind === 2) {
      const rows = Array.from({ length: verb === 'INSERT OR IGNORE' ? 1 : 1 + this.random.int(3) }, () => `(${targets.map((c) => (keys.includes(c) ? this.key(c.type) : this.chance(8) ? 'DEFAULT' : this.value(c, []))).join(', ')})`);
      return { table, sql: `${verb} INTO ${table} (${list}) VALUES ${rows.join(', ')}${returning}` };
    }
    const from = pick(this.random, TABLE_NAMES);
    const scope = this.scopeOf(from, 'q');
    const values = targets.map((c) => (keys.includes(c) ? (c.type === 'STRING' ? this.expr(scope, 'STRING', 1) : `IFNULL(${this.expr(scope, 'INT64', 1)}, ${this.random.int(20)})`) : this.value(c, scope)));
    return { table, sql: `${verb} INTO ${table} (${list}) SELECT ${values.join(', ')} FROM ${from} AS q WHERE ${this.condition(scope, 1)}${returning}` };
  }

  private value({ type }: Column, scope: Scope): string {
    if (type === 'ARRAY<INT64>') return `[${this.expr(scope, 'INT64', 0)}, 1]`;
    if (type === 'ARRAY<STRING>') return this.chance(2) ? `[${this.expr(scope, 'STRING', 0)}]` : '[]';
    return type === 'ARRAY<STRUCT>' ? 'NULL' : this.expr(scope, type, 1);
  }

  private key(type: Column['type']): string {
    return type === 'STRING' ? pick(this.random, LITERALS.STRING) : String(this.random.int(14));
  }

  // ---- queries

  private query(depth: number, cte?: { readonly name: string; readonly columns: Scope }): Shape {
    if (depth > 0 && this.chance(5)) {
      const left = this.core(depth - 1, [], cte);
      const types = left.columns.map(({ type }) => type);
      const operator = types.some((type) => type.startsWith('ARRAY')) ? 'UNION ALL' : pick(this.random, ['UNION ALL', 'UNION DISTINCT', 'INTERSECT DISTINCT', 'EXCEPT DISTINCT']);
      const right = this.core(depth - 1, [], cte, types);
      return { sql: `(${left.sql}) ${operator} (${right.sql})`, columns: left.columns };
    }
    return this.core(depth, [], cte);
  }

  /** SELECT … FROM … WHERE … GROUP BY …; with columns of these types, if they are given. */
  private core(depth: number, outer: Scope, cte: { readonly name: string; readonly columns: Scope } | undefined, types?: readonly Column['type'][]): Shape {
    const from = this.from(depth, cte);
    const scope = [...from.columns, ...outer];
    const where = this.chance(3) ? '' : ` WHERE ${this.condition(scope, depth)}`;
    const grouped = types === undefined ? this.chance(3) : this.chance(6) && types.every((type) => !type.startsWith('ARRAY'));
    if (grouped) return this.grouped(from, where, types);
    const wanted: readonly Column['type'][] = types ?? Array.from({ length: 1 + this.random.int(4) }, () => this.outputType(from.columns));
    const items = wanted.map((type) => ({ text: this.item(scope, type, depth), type, name: this.alias('c') }));
    const distinct = items.every(({ type }) => !type.startsWith('ARRAY')) && this.chance(6) ? 'DISTINCT ' : '';
    return { sql: `SELECT ${distinct}${items.map(({ text, name }) => `${text} AS ${name}`).join(', ')} FROM ${from.sql}${where}`, columns: items.map(({ name, type }) => column(name, type)) };
  }

  private grouped(from: Shape, where: string, types: readonly Column['type'][] | undefined): Shape {
    const keyTypes = Array.from({ length: this.random.int(3) }, () => this.scalarType());
    const grounded = new Map(keyTypes.map((type) => this.grounded(from.columns, type)).map((c) => [c.text, c]));
    const keys = [...grounded.values()].map(({ text, type }) => ({ text, type, name: this.alias('g') }));
    const rest: readonly Type[] = types === undefined ? Array.from({ length: 1 + this.random.int(2) }, () => this.scalarType()) : (types as readonly Type[]);
    const aggregates = rest.map((type) => ({ text: this.aggregate(from.columns, type), type, name: this.alias('c') }));
    const shown = types === undefined ? [...keys, ...aggregates] : aggregates;
    const groupBy = keys.length === 0 ? '' : ` GROUP BY ${types === undefined && this.chance(2) ? keys.map((_, i) => String(i + 1)).join(', ') : keys.map(({ text, name }) => (types === undefined && this.chance(2) ? name : text)).join(', ')}`;
    const having = this.chance(3) ? ` HAVING ${this.aggregate(from.columns, 'INT64')} ${pick(this.random, ['>', '<', '=', '!='])} ${this.random.int(4)}` : '';
    return {
      sql: `SELECT ${shown.map(({ text, name }) => `${text} AS ${name}`).join(', ')} FROM ${from.sql}${where}${groupBy}${having}`,
      columns: shown.map(({ name, type }) => column(name, type)),
    };
  }

  private scopeOf(table: string, alias: string): Scope {
    return (COLUMNS[table] ?? []).map(({ text, type }) => column(`${alias}.${text}`, type));
  }

  private from(depth: number, cte?: { readonly name: string; readonly columns: Scope }): Shape {
    let from = this.relation(depth, cte);
    const joins = pick(this.random, [0, 0, 1, 1, 2]);
    for (let n = 0; n < joins; n++) {
      const array = from.columns.filter(({ type }) => type === 'ARRAY<INT64>' || type === 'ARRAY<STRING>');
      if (array.length > 0 && this.chance(4)) {
        const alias = this.alias('u');
        const chosen = pick(this.random, array);
        const element = chosen.type === 'ARRAY<INT64>' ? 'INT64' : 'STRING';
        const offset = this.chance(3) ? this.alias('o') : undefined;
        const join = pick(this.random, [', ', ' CROSS JOIN ', ' LEFT JOIN ', ' INNER JOIN ']);
        const on = join === ' LEFT JOIN ' || join === ' INNER JOIN ' ? ` ON ${this.condition([column(alias, element)], 0)}` : '';
        from = { sql: `${from.sql}${join}UNNEST(${chosen.text}) AS ${alias}${offset === undefined ? '' : ` WITH OFFSET AS ${offset}`}${on}`, columns: [...from.columns, column(alias, element), ...(offset === undefined ? [] : [column(offset, 'INT64')])] };
        continue;
      }
      const right = this.relation(depth - 1, cte);
      const kind = pick(this.random, ['JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN']);
      const hint = kind !== 'CROSS JOIN' && this.chance(4) ? `@{JOIN_METHOD=${pick(this.random, ['HASH_JOIN', 'APPLY_JOIN', 'MERGE_JOIN'])}}` : '';
      const on = kind === 'CROSS JOIN' ? '' : ` ON ${this.joinCondition(from.columns, right.columns)}`;
      from = { sql: `${from.sql} ${hint === '' ? kind : kind.replace('JOIN', `JOIN${hint}`)} ${right.sql}${on}`, columns: [...from.columns, ...right.columns] };
    }
    return from;
  }

  private relation(depth: number, cte?: { readonly name: string; readonly columns: Scope }): Shape {
    if (cte !== undefined && this.chance(2)) {
      const alias = this.alias('t');
      return { sql: `${cte.name} AS ${alias}`, columns: cte.columns.map(({ text, type }) => column(`${alias}.${text}`, type)) };
    }
    if (depth > 0 && this.chance(4)) {
      const alias = this.alias('q');
      const inner = this.query(depth - 1);
      return { sql: `(${inner.sql}) AS ${alias}`, columns: inner.columns.map(({ text, type }) => column(`${alias}.${text}`, type)) };
    }
    const table = pick(this.random, TABLE_NAMES);
    const alias = this.alias('t');
    const hint = this.chance(8) ? `@{FORCE_INDEX=${table === 'A' ? 'AByI' : table === 'B' ? 'BByS' : 'CByI'}}` : '';
    return { sql: `${table}${hint} AS ${alias}`, columns: this.scopeOf(table, alias) };
  }

  private joinCondition(left: Scope, right: Scope): string {
    const pairs = left.flatMap((l) => right.filter((r) => r.type === l.type && !l.type.startsWith('ARRAY')).map((r) => [l, r] as const));
    if (pairs.length === 0) return this.condition([...left, ...right], 0);
    const [l, r] = pick(this.random, pairs);
    const equal = `${l.text} = ${r.text}`;
    return this.chance(3) ? `${equal} AND ${this.condition([...left, ...right], 0)}` : this.chance(8) ? `${l.text} < ${r.text}` : equal;
  }

  // ---- expressions

  private condition(scope: Scope, depth: number): string {
    switch (this.random.int(depth > 0 ? 12 : 8)) {
      case 0: return `${this.condition(scope, depth - 1)} AND ${this.atom(scope)}`;
      case 1: return `(${this.condition(scope, depth - 1)} OR ${this.atom(scope)})`;
      case 2: return `NOT (${this.condition(scope, depth - 1)})`;
      case 8: return `${pick(this.random, ['', 'NOT '])}EXISTS (${this.core(depth - 1, scope, undefined).sql})`;
      case 9: {
        const type = this.scalarType();
        return `${this.expr(scope, type, 0)} ${pick(this.random, ['IN', 'IN', 'NOT IN'])} (${this.core(depth - 1, this.chance(2) ? scope : [], undefined, [type]).sql})`;
      }
      case 10: {
        const type = this.scalarType();
        return `${this.expr(scope, type, 0)} ${pick(this.random, ['=', '<', '>=', '!='])} (${this.scalarSubquery(scope, type, depth - 1)})`;
      }
      default: return this.atom(scope);
    }
  }

  private atom(scope: Scope): string {
    const type = this.scalarType();
    const a = this.expr(scope, type, 1);
    const array = scope.filter((c) => c.type === 'ARRAY<INT64>' || c.type === 'ARRAY<STRING>');
    if (array.length > 0 && this.chance(6)) {
      const chosen = pick(this.random, array);
      return `${this.expr(scope, chosen.type === 'ARRAY<INT64>' ? 'INT64' : 'STRING', 1)} ${pick(this.random, ['IN', 'NOT IN'])} UNNEST(${chosen.text})`;
    }
    switch (this.random.int(9)) {
      case 0: return `${a} IS ${pick(this.random, ['', 'NOT '])}NULL`;
      case 1: return `${a} IN (${this.expr(scope, type, 0)}, ${this.expr(scope, type, 0)})`;
      case 2: return `${a} BETWEEN ${this.expr(scope, type, 0)} AND ${this.expr(scope, type, 0)}`;
      case 3: return `${this.expr(scope, 'STRING', 1)} LIKE ${pick(this.random, ["'a%'", "'%b'", "'_'", "'%'"])}`;
      case 4: return `STARTS_WITH(${this.expr(scope, 'STRING', 0)}, ${this.expr(scope, 'STRING', 0)})`;
      case 5: return this.expr(scope, 'BOOL', 1);
      case 6: {
        const [left, right] = [`(${a}, ${this.expr(scope, 'INT64', 0)})`, `(${this.expr(scope, type, 0)}, ${this.expr(scope, 'INT64', 0)})`];
        return this.chance(2) ? `${left} = ${right}` : `${left} IN (${right})`;
      }
      default: return `${a} ${pick(this.random, ['=', '!=', '<', '>', '<=', '>='])} ${this.expr(scope, type, 1)}`;
    }
  }

  private scalarSubquery(scope: Scope, type: Type, depth: number): string {
    const from = this.from(Math.max(0, depth));
    const inner = [...from.columns, ...scope];
    return `SELECT ${this.aggregate(from.columns, type)} FROM ${from.sql}${this.chance(3) ? '' : ` WHERE ${this.condition(inner, 0)}`}`;
  }

  private item(scope: Scope, type: Column['type'], depth: number): string {
    if (type === 'ARRAY<STRUCT>') {
      const from = this.from(0);
      const inner = [...from.columns, ...scope];
      return `ARRAY(SELECT AS STRUCT ${this.expr(inner, this.scalarType(), 1)} AS p, ${this.expr(inner, this.scalarType(), 1)} AS q FROM ${from.sql} WHERE ${this.condition(inner, 0)} ORDER BY p, q)`;
    }
    if (type === 'ARRAY<INT64>' || type === 'ARRAY<STRING>') {
      const same = scope.filter((c) => c.type === type);
      const element = type === 'ARRAY<INT64>' ? 'INT64' : 'STRING';
      if (same.length > 0 && this.chance(2)) return pick(this.random, same).text;
      const from = this.from(0);
      const first = this.expr([...from.columns, ...(this.chance(2) ? scope : [])], element, 1);
      return `ARRAY(SELECT ${first} AS v FROM ${from.sql}${this.chance(2) ? '' : ` WHERE ${this.condition([...from.columns, ...scope], 0)}`} ORDER BY v)`;
    }
    if (depth > 0 && this.chance(5)) return `(${this.scalarSubquery(scope, type, depth - 1)})`;
    return this.expr(scope, type, 2);
  }

  /** An expression that names a column, so that it is not a constant: for grouping. */
  private grounded(scope: Scope, type: Type): Column {
    const same = scope.filter((c) => c.type === type);
    if (same.length > 0) return pick(this.random, same);
    return column(`${pick(this.random, scope).text} IS NULL`, 'BOOL');
  }

  private aggregate(scope: Scope, type: Type): string {
    const distinct = this.chance(5) ? 'DISTINCT ' : '';
    switch (type) {
      case 'INT64':
        return pick(this.random, ['COUNT(*)', `COUNT(${distinct}${this.expr(scope, this.scalarType(), 1)})`, `SUM(${distinct}${this.expr(scope, 'INT64', 1)})`, `MAX(${this.expr(scope, 'INT64', 1)})`, `COUNTIF(${this.atom(scope)})`, `ARRAY_LENGTH(ARRAY_AGG(${this.expr(scope, 'INT64', 0)} IGNORE NULLS))`, `BIT_XOR(${this.expr(scope, 'INT64', 0)})`]);
      case 'BOOL':
        return `${pick(this.random, ['LOGICAL_AND', 'LOGICAL_OR'])}(${this.atom(scope)})`;
      case 'FLOAT64':
        return pick(this.random, [`AVG(${this.expr(scope, 'INT64', 1)})`, `SUM(${this.expr(scope, 'FLOAT64', 0)})`, `MIN(${this.expr(scope, 'FLOAT64', 1)})`]);
      case 'NUMERIC':
        return pick(this.random, [`SUM(${this.expr(scope, 'NUMERIC', 0)})`, `AVG(${this.expr(scope, 'NUMERIC', 0)})`, `MAX(${this.expr(scope, 'NUMERIC', 0)})`]);
      default:
        return `${pick(this.random, ['MIN', 'MAX'])}(${this.expr(scope, type, 1)})`;
    }
  }

  private expr(scope: Scope, type: Type, depth: number): string {
    const same = scope.filter((c) => c.type === type);
    if (depth <= 0 || this.chance(2)) return same.length > 0 && !this.chance(4) ? pick(this.random, same).text : pick(this.random, LITERALS[type]);
    const sub = (t: Type): string => this.expr(scope, t, depth - 1);
    switch (this.random.int(4)) {
      case 0: return `${pick(this.random, ['IFNULL', 'COALESCE', 'NULLIF'])}(${sub(type)}, ${sub(type)})`;
      case 1: return `IF(${this.atom(scope)}, ${sub(type)}, ${sub(type)})`;
      case 2: return `CASE ${this.chance(2) ? `WHEN ${this.atom(scope)} THEN ${sub(type)}` : `${sub('INT64')} WHEN 1 THEN ${sub(type)} WHEN 2 THEN ${sub(type)}`} ELSE ${sub(type)} END`;
      default: return this.operation(type, sub, scope);
    }
  }

  private operation(type: Type, sub: (t: Type) => string, scope: Scope): string {
    switch (type) {
      case 'INT64': {
        const arrays = scope.filter((c) => c.type.startsWith('ARRAY'));
        return pick(this.random, [`(${sub('INT64')} + ${sub('INT64')})`, `(${sub('INT64')} - ${sub('INT64')})`, `(${sub('INT64')} * 2)`, `MOD(${sub('INT64')}, 3)`, `LENGTH(${sub('STRING')})`, `ABS(${sub('INT64')})`, `EXTRACT(YEAR FROM ${sub('DATE')})`, ...arrays.map((c) => `ARRAY_LENGTH(${c.text})`)]);
      }
      case 'STRING': return pick(this.random, [`CONCAT(${sub('STRING')}, ${sub('STRING')})`, `UPPER(${sub('STRING')})`, `CAST(${sub('INT64')} AS STRING)`, `SUBSTR(${sub('STRING')}, 1, 1)`, `(${sub('STRING')} || 'x')`]);
      case 'FLOAT64': return pick(this.random, [`(${sub('FLOAT64')} + ${sub('FLOAT64')})`, `CAST(${sub('INT64')} AS FLOAT64)`, `SAFE_DIVIDE(${sub('FLOAT64')}, ${sub('FLOAT64')})`, `ROUND(${sub('FLOAT64')})`]);
      case 'BOOL': return pick(this.random, [`(${sub('INT64')} > ${sub('INT64')})`, `(NOT ${sub('BOOL')})`, `(${sub('STRING')} = ${sub('STRING')})`, `(${sub('BOOL')} IS TRUE)`]);
      case 'DATE': return pick(this.random, [`DATE_ADD(${sub('DATE')}, INTERVAL 1 MONTH)`, `DATE_TRUNC(${sub('DATE')}, YEAR)`]);
      case 'NUMERIC': return pick(this.random, [`(${sub('NUMERIC')} + ${sub('NUMERIC')})`, `CAST(${sub('INT64')} AS NUMERIC)`, `ROUND(${sub('NUMERIC')}, 1)`]);
      case 'TIMESTAMP': return `TIMESTAMP_ADD(${sub('TIMESTAMP')}, INTERVAL ${this.random.int(90)} MINUTE)`;
      case 'BYTES': return pick(this.random, [`CONCAT(${sub('BYTES')}, ${sub('BYTES')})`, `CAST(${sub('STRING')} AS BYTES)`]);
    }
  }

  // ---- choices

  private scalarType(): Type {
    return pick(this.random, SCALARS);
  }

  private outputType(scope: Scope): Column['type'] {
    if (this.chance(10)) return pick(this.random, ['ARRAY<INT64>', 'ARRAY<STRING>', 'ARRAY<STRUCT>']);
    return this.chance(2) ? pick(this.random, scope).type : this.scalarType();
  }

  private chance(oneIn: number): boolean {
    return this.random.int(oneIn) === 0;
  }

  private alias(letter: string): string {
    return `${letter}${++this.aliases}`;
  }

  private shuffled<T>(items: readonly T[]): T[] {
    return items.map((item) => [this.random.int(1 << 30), item] as const).sort(([a], [b]) => a - b).map(([, item]) => item);
  }
}
