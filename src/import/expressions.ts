/**
 * Expressions of defaults, checks, generated columns and partial indexes, from a dump's dialect to GoogleSQL. node-sql-parser
 * has the grammars. Before it sees an expression, names and strings become placeholders (its grammars take reserved words
 * for names badly, and leave escapes as they are), and casts that only repeat a type are dropped. Afterwards only what is
 * known to mean the same in GoogleSQL is printed; for anything else there is a reason.
 */
import type { Dialect } from './dialect.ts';
import { translateCall, Untranslatable } from './functions.ts';
import { stringLiteral } from './literals.ts';
import { TokenCursor, type Token } from './tokens.ts';

/** Columns that an expression may name: from their names in the dump to those in the new table, quoted where needed. */
export type ColumnNames = ReadonlyMap<string, string>;

type Node = Readonly<Record<string, unknown>>;
type Parse = (sql: string) => unknown;

/** Loads the grammar of one dialect only: each is several megabytes. */
export async function loadExpressions(dialect: Dialect): Promise<Expressions> {
  const module = dialect === 'mysql' ? await import('node-sql-parser/build/mysql.js') : dialect === 'postgresql' ? await import('node-sql-parser/build/postgresql.js') : await import('node-sql-parser/build/sqlite.js');
  const { Parser } = 'default' in module ? module.default : module;
  const parser = new Parser();
  return new Expressions(dialect, (sql) => parser.astify(sql));
}

/** Words of expressions; every other word is a name. */
const KEYWORDS: ReadonlySet<string> = new Set([
  'AND', 'OR', 'NOT', 'NULL', 'IS', 'IN', 'LIKE', 'BETWEEN', 'CASE', 'WHEN', 'THEN', 'ELSE', 'END', 'TRUE', 'FALSE', 'ANY', 'ALL', 'ARRAY', 'DIV', 'MOD', 'REGEXP', 'XOR',
  'CURRENT_TIMESTAMP', 'CURRENT_DATE', 'LOCALTIMESTAMP', 'CURRENT_TIME', 'INTERVAL', 'CAST', 'AS', 'COLLATE', 'ESCAPE',
]);
/** Casts to these change nothing that matters to a comparison or a concatenation. */
const TEXT_TYPES = /^(?:text|varchar|bpchar|character varying|character|char|name|citext|numeric|double precision|regclass)$/;

const LENGTH_MAX = 10_000;

export class Expressions {
  readonly #dialect: Dialect;
  readonly #parse: Parse;

  constructor(dialect: Dialect, parse: Parse) {
    this.#dialect = dialect;
    this.#parse = parse;
  }

  /** Throws an Untranslatable. */
  translate(text: string, columns: ColumnNames): string {
    if (text.length > LENGTH_MAX) throw new Untranslatable('the expression is too long');
    const prepared = new Preparation(text, this.#dialect, columns);
    let tree: unknown;
    try {
      tree = this.#parse(`SELECT ${prepared.sql}`);
    } catch {
      throw new Untranslatable('the expression is in no form that is known');
    }
    const statement = asNode(Array.isArray(tree) ? tree[0] : tree);
    const outputs = statement['columns'];
    const [output] = Array.isArray(outputs) ? outputs : [];
    if (!Array.isArray(outputs) || outputs.length !== 1 || asNode(output)['as'] != null || statement['from'] != null) throw new Untranslatable('the expression is in no form that is known');
    return new Printer(this.#dialect, prepared).print(asNode(asNode(output)['expr']));
  }
}

const asNode = (value: unknown): Node => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {});

/** The expression with placeholders: `c0`, `c1` for columns, `'s0'`, `'s1'` for strings. */
class Preparation {
  readonly sql: string;
  readonly columns: string[] = [];
  readonly strings: string[] = [];

  constructor(text: string, dialect: Dialect, names: ColumnNames) {
    const cursor = new TokenCursor(text, dialect);
    const out: string[] = [];
    while (!cursor.isAtEnd) {
      const token = cursor.next();
      if (token.word === '::') this.#cast(cursor, out);
      else if (token.word === '~' && cursor.accept('~')) out.push('LIKE');
      else if (token.word === '!' && cursor.accept('~', '~')) out.push('NOT LIKE');
      else if (!(dialect === 'mysql' && token.kind === 'word' && token.text.startsWith('_') && cursor.peek().kind === 'string')) out.push(this.#token(token, cursor, names));
    }
    this.sql = out.join(' ');
  }

  #token(token: Token, cursor: TokenCursor, names: ColumnNames): string {
    if (token.kind === 'string') return `'s${String(this.strings.push(token.text) - 1)}'`;
    const isCall = token.kind === 'word' && cursor.peek().word === '(';
    if (token.kind === 'name' || (token.kind === 'word' && !KEYWORDS.has(token.word) && !isCall)) {
      const name = names.get(columnKey(token.text, cursor.dialect, token.kind === 'name'));
      if (name === undefined) throw new Untranslatable(`it names ${token.text}, which is no column of the table`);
      return `c${String(this.columns.push(name) - 1)}`;
    }
    return token.text;
  }

  /** Drops a cast that does nothing but repeat a type: of a literal, and to a type of text or of decimals. */
  #cast(cursor: TokenCursor, out: string[]): void {
    const words = [cursor.path().at(-1)?.toLowerCase() ?? ''];
    if (words[0] === 'character' && cursor.accept('VARYING')) words.push('varying');
    if (words[0] === 'double' && cursor.accept('PRECISION')) words.push('precision');
    if (cursor.accept('WITH', 'TIME', 'ZONE') || cursor.accept('WITHOUT', 'TIME', 'ZONE')) words.push('zone');
    if (cursor.peek().word === '(') cursor.parenthesized();
    while (cursor.accept('[', ']'));
    const last = out.at(-1) ?? '';
    const isLiteral = /^(?:'s\d+'|[\d.eE+-]+|NULL)$/.test(last) || (last === ')' && /^[\d.]+$/.test(out.at(-2) ?? '') && out.at(-3) === '(');
    if (!isLiteral && !TEXT_TYPES.test(words.join(' '))) throw new Untranslatable(`it casts to ${words.join(' ')}`);
  }
}

/** How a column is found by its name: PostgreSQL minds the case of quoted names, the others mind none. */
export const columnKey = (name: string, dialect: Dialect, quoted: boolean): string => (dialect === 'postgresql' && quoted ? name : name.toLowerCase());

/** Operators that mean the same, for the same operands. MySQL's || is OR, and / of whole numbers differs everywhere. */
const OPERATORS: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '<=', '>', '>=', '+', '-', '*', 'AND', 'OR', 'LIKE', 'NOT LIKE', 'IS', 'IS NOT']);

class Printer {
  readonly #dialect: Dialect;
  readonly #placeholders: Preparation;

  constructor(dialect: Dialect, placeholders: Preparation) {
    this.#dialect = dialect;
    this.#placeholders = placeholders;
  }

  /** `nested`: inside of an operator, where it needs parentheses if it is one. */
  print(node: Node, nested = false): string {
    switch (node['type']) {
      case 'column_ref':
        return this.#column(node);
      case 'single_quote_string':
      case 'string':
        return this.#string(node);
      case 'number':
      case 'bigint':
        return String(node['value']);
      case 'bool':
        return node['value'] === true ? 'TRUE' : 'FALSE';
      case 'null':
        return 'NULL';
      case 'unary_expr':
        return nested ? `(${this.#unary(node)})` : this.#unary(node);
      case 'binary_expr':
        return nested ? `(${this.#binary(node)})` : this.#binary(node);
      case 'case':
        return this.#case(node);
      case 'function':
        return this.#call(node);
      default:
        throw new Untranslatable(`it has a ${String(node['type'])}`);
    }
  }

  #column(node: Node): string {
    const column = node['column'];
    const name = typeof column === 'string' ? column : String(asNode(asNode(column)['expr'])['value']);
    const printed = /^c\d+$/.test(name) && node['table'] == null ? this.#placeholders.columns[Number(name.slice(1))] : undefined;
    if (printed === undefined) throw new Untranslatable(`it names ${name}`);
    return printed;
  }

  #string(node: Node): string {
    const text = this.#placeholders.strings[Number(/^s(\d+)$/.exec(String(node['value']))?.[1] ?? -1)];
    if (text === undefined) throw new Untranslatable('it has a string that is not known');
    return stringLiteral(text);
  }

  #unary(node: Node): string {
    const operator = String(node['operator']).toUpperCase();
    if (operator !== 'NOT' && operator !== '-' && operator !== '+' && operator !== '!') throw new Untranslatable(`it has the operator ${operator}`);
    return `${operator === 'NOT' || operator === '!' ? 'NOT ' : operator}${this.print(asNode(node['expr']), true)}`;
  }

  #binary(node: Node): string {
    const operator = String(node['operator']).toUpperCase();
    const left = this.print(asNode(node['left']), true);
    const right = asNode(node['right']);
    if (operator === 'IN' || operator === 'NOT IN') return `${left} ${operator} (${this.#list(right).join(', ')})`;
    if (operator === 'BETWEEN' || operator === 'NOT BETWEEN') return `${left} ${operator} ${this.#list(right).join(' AND ')}`;
    const quantifier = functionName(right);
    if ((operator === '=' && quantifier === 'ANY') || ((operator === '<>' || operator === '!=') && quantifier === 'ALL')) return `${left} ${operator === '=' ? 'IN' : 'NOT IN'} (${this.#elements(right).join(', ')})`;
    if (operator === '%' || operator === 'MOD') return `MOD(${left}, ${this.print(right)})`;
    if (operator === 'DIV') return `DIV(${left}, ${this.print(right)})`;
    if (operator === '||' && this.#dialect === 'mysql') throw new Untranslatable('it has the operator ||');
    if (operator.includes('LIKE') && this.#dialect === 'sqlite') throw new Untranslatable('LIKE of SQLite does not tell upper from lower case');
    if (operator !== '||' && !OPERATORS.has(operator)) throw new Untranslatable(`it has the operator ${operator}`);
    return `${left} ${operator} ${this.print(right, true)}`;
  }

  #list(node: Node): readonly string[] {
    const values = node['value'];
    if (node['type'] !== 'expr_list' || !Array.isArray(values)) throw new Untranslatable('it has a list that is not known');
    return values.map((value) => this.print(asNode(value), true));
  }

  /** ANY (ARRAY[a, b]) */
  #elements(node: Node): readonly string[] {
    const args = asNode(node['args'])['value'];
    const array = Array.isArray(args) && args.length === 1 ? asNode(args[0]) : {};
    if (array['type'] !== 'array') throw new Untranslatable('it has ANY or ALL of something that is no list');
    return this.#list(asNode(array['expr_list']));
  }

  #case(node: Node): string {
    const branches = Array.isArray(node['args']) ? node['args'].map(asNode) : [];
    const subject = node['expr'] == null ? '' : ` ${this.print(asNode(node['expr']))}`;
    const parts = branches.map((branch) => (branch['type'] === 'when' ? `WHEN ${this.print(asNode(branch['cond']))} THEN ${this.print(asNode(branch['result']))}` : `ELSE ${this.print(asNode(branch['result']))}`));
    return `CASE${subject} ${parts.join(' ')} END`;
  }

  #call(node: Node): string {
    const args = asNode(node['args'])['value'];
    return translateCall(functionName(node), (Array.isArray(args) ? args : []).map((arg) => this.print(asNode(arg))), this.#dialect);
  }
}

function functionName(node: Node): string {
  if (node['type'] !== 'function') return '';
  const names = asNode(node['name'])['name'];
  return Array.isArray(names) && names.length === 1 ? String(asNode(names[0])['value']).toUpperCase() : '';
}
