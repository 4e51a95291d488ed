/** WITH names that are referred to once become subqueries in their place; those never referred to go. */
import type { Rel } from '../bind/tree.ts';
import { columnExpr, isVolatile, mapChildren, mapRelParts, visitRel } from '../bind/walk.ts';

export function inlineWith(rel: Rel): Rel {
  const counts = new Map<number, number>();
  const repeated = new Set<number>();
  const volatile = new Set<number>();
  visitRel(
    rel,
    (e) => {
      // A reference inside a subquery may run many times; a computation that varies must still happen once.
      if (e.kind === 'subquery') visitRel(e.rel, () => undefined, (r) => void (r.kind === 'withReference' && repeated.add(r.id)));
    },
    (r) => {
      if (r.kind === 'withReference') counts.set(r.id, (counts.get(r.id) ?? 0) + 1);
      if (r.kind === 'with') visitRel(r.definition, (e) => void (isVolatile(e) && volatile.add(r.id)), (x) => void (x.kind === 'sample' && volatile.add(r.id)));
    },
  );
  const definitions = new Map<number, Rel>();
  const inline = (r: Rel): Rel => {
    if (r.kind === 'with') {
      const count = counts.get(r.id) ?? 0;
      if (count === 0) return inline(r.body);
      if (count === 1 && !(repeated.has(r.id) && volatile.has(r.id))) {
        definitions.set(r.id, inline(r.definition));
        return inline(r.body);
      }
    }
    if (r.kind === 'withReference') {
      const definition = definitions.get(r.id);
      if (definition === undefined) return r;
      const items = r.columns.map((column, i) => ({ column, expr: columnExpr(definition.columns[i] ?? column) }));
      return { kind: 'project', columns: r.columns, input: definition, items };
    }
    return mapRelParts(r, inline, function onExpr(e) {
      return mapChildren(e, onExpr, inline);
    });
  };
  return inline(rel);
}
