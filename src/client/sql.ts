/** Statements as tagged templates: what is put in becomes a parameter, never text. */
import type { Statement } from './statement.ts';
import type { SqlParameter } from './values.ts';

/**
 *     await database.run(sql`SELECT Name FROM Singers WHERE SingerId = ${id}`);     // … WHERE SingerId = @p1
 */
export function sql(texts: TemplateStringsArray, ...values: readonly SqlParameter[]): Statement {
  const text = texts.raw.reduce((before, part, i) => `${before}@p${String(i)}${part}`);
  return { sql: text, params: Object.fromEntries(values.map((value, i) => [`p${String(i + 1)}`, value])) };
}
