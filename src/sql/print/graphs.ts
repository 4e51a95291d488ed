/** Graph queries as text. */
import { unreachable } from '../../base/assert.ts';
import type {
  GraphCompositeStatement, GraphEdgePattern, GraphElementFiller, GraphLabelExpression, GraphLinearStatement, GraphPath, GraphPathElement, GraphPattern,
  GraphQuantifier, GraphQuery, GraphReturn, GraphSearchPrefix, GraphStatement,
} from '../ast/graph.ts';
import { spaced } from './expressions.ts';
import { QueryPrinter } from './queries.ts';

const SEARCH: Readonly<Record<GraphSearchPrefix['form'], string>> = {
  all: 'ALL', any: 'ANY', anyShortest: 'ANY SHORTEST', allShortest: 'ALL SHORTEST', shortest: 'SHORTEST', anyCheapest: 'ANY CHEAPEST',
  allCheapest: 'ALL CHEAPEST', cheapest: 'CHEAPEST',
};

export abstract class GraphPrinter extends QueryPrinter {
  protected graphQuery(query: GraphQuery): string {
    const statements = query.statements.map((statement) => this.composite(statement)).join(' NEXT ');
    return query.graph === undefined ? statements : `GRAPH ${this.path(query.graph)} ${statements}`;
  }

  private composite(node: GraphCompositeStatement): string {
    if (node.kind === 'graphLinearStatement') return this.linear(node);
    return node.operands.map((operand) => this.linear(operand)).join(` ${node.operator.toUpperCase()} ${node.quantifier.toUpperCase()} `);
  }

  private linear(node: GraphLinearStatement): string {
    return node.statements.map((statement) => this.graphStatement(statement)).join(' ');
  }

  private graphStatement(node: GraphStatement): string {
    switch (node.kind) {
      case 'graphMatch': return `${node.optional ? 'OPTIONAL ' : ''}MATCH${this.hint(node.hint)} ${this.pattern(node.pattern)}`;
      case 'graphLet': return `LET ${node.bindings.map((binding) => `${this.name(binding.name)} = ${this.expression(binding.value)}`).join(', ')}`;
      case 'graphFilter': return `FILTER WHERE ${this.expression(node.condition)}`;
      case 'graphFor': return `FOR ${this.name(node.element)} IN ${this.expression(node.array)}${node.withOffset ? ' WITH OFFSET' : ''}${this.alias(node.offsetAlias)}`;
      case 'graphReturn': return this.returned(node);
      case 'graphWith': return `WITH${this.hint(node.hint)}${node.distinct ? ' DISTINCT' : ''} ${this.graphItems(node)}`;
      case 'graphOrderBy': return this.orderBy(node.items);
      case 'graphLimit': {
        const offset = node.offset === undefined ? '' : `OFFSET ${this.expression(node.offset)}`;
        const limit = node.limit === undefined ? '' : `LIMIT ${this.expression(node.limit)}`;
        return `${limit} ${offset}`.trim();
      }
      case 'graphTableSample': return this.sample(node.sample);
      case 'graphCall': {
        const per = node.per === undefined ? '' : ` PER (${this.names(node.per)})`;
        const yields = node.yields.length === 0 ? '' : ` YIELD ${this.items(node.yields)}`;
        return `${node.optional ? 'OPTIONAL ' : ''}CALL${per} ${this.path(node.name)}(${this.args(node.args)})${yields}`;
      }
      case 'graphInlineCall': return `${node.optional ? 'OPTIONAL ' : ''}CALL (${this.names(node.columns)}) { ${this.graphQuery(node.query)} }`;
      default: return unreachable(node);
    }
  }

  private graphItems(node: Pick<GraphReturn, 'items' | 'groupBy'>): string {
    return `${this.items(node.items)}${node.groupBy === undefined ? '' : ` ${this.groupBy(node.groupBy, false)}`}`;
  }

  private returned(node: GraphReturn): string {
    const limit = node.limit === undefined ? spaced('OFFSET ', node.offset === undefined ? undefined : this.expression(node.offset)) : ` ${this.limit(node.limit)}`;
    const orderBy = node.orderBy.length === 0 ? '' : ` ${this.orderBy(node.orderBy)}`;
    return `RETURN${this.hint(node.hint)}${node.distinct ? ' DISTINCT' : ''} ${this.graphItems(node)}${orderBy}${limit}`;
  }

  pattern(pattern: GraphPattern): string {
    const paths = pattern.paths.map((path) => {
      const variable = path.variable === undefined ? '' : `${this.name(path.variable)} = `;
      const search = path.search === undefined ? '' : `${SEARCH[path.search.form]} ${path.search.count === undefined ? '' : `${this.primary(path.search.count)} `}`;
      return `${this.hint(path.hint)}${variable}${search}${path.mode === undefined ? '' : `${path.mode.toUpperCase()} `}${this.graphPath(path.path)}`;
    });
    return `${paths.join(', ')}${pattern.where === undefined ? '' : ` WHERE ${this.expression(pattern.where)}`}`;
  }

  private graphPath(path: GraphPath): string {
    return path.elements.map((element) => this.element(element)).join('');
  }

  private element(element: GraphPathElement): string {
    switch (element.kind) {
      case 'hint': return this.hint(element);
      case 'graphNode': return `(${this.filler(element.filler)})`;
      case 'graphEdge': return this.edge(element);
      case 'graphSubpath': {
        const variable = element.variable === undefined ? '' : `${this.name(element.variable)} = `;
        const mode = element.mode === undefined ? '' : `${element.mode.toUpperCase()} `;
        const where = element.where === undefined ? '' : ` WHERE ${this.expression(element.where)}`;
        return `(${this.hint(element.hint)}${variable}${mode}${this.graphPath(element.path)}${where})${this.quantifier(element.quantifier)}`;
      }
      default: return unreachable(element);
    }
  }

  private edge(edge: GraphEdgePattern): string {
    const quantifier = this.quantifier(edge.quantifier);
    if (edge.abbreviated) return `${edge.direction === 'left' ? '<-' : edge.direction === 'right' ? '->' : '-'}${quantifier}`;
    return `${edge.direction === 'left' ? '<-' : '-'}[${this.filler(edge.filler)}]${edge.direction === 'right' ? '->' : '-'}${quantifier}`;
  }

  private filler(filler: GraphElementFiller): string {
    const properties = filler.properties.map((property) => `${this.name(property.name)}: ${this.expression(property.value)}`);
    return [
      this.hint(filler.hint).trim(),
      filler.variable === undefined ? '' : this.name(filler.variable),
      filler.label === undefined ? '' : `:${this.label(filler.label)}`,
      properties.length === 0 ? '' : `{${properties.join(', ')}}`,
      filler.where === undefined ? '' : `WHERE ${this.expression(filler.where)}`,
      filler.cost === undefined ? '' : `COST ${this.expression(filler.cost)}`,
    ].filter((text) => text !== '').join(' ');
  }

  private quantifier(quantifier: GraphQuantifier | undefined): string {
    if (quantifier === undefined) return '';
    const min = quantifier.min === undefined ? '' : this.primary(quantifier.min);
    const max = quantifier.max === undefined ? '' : this.primary(quantifier.max);
    switch (quantifier.form) {
      case 'fixed': return `{${min}}`;
      case 'bounded': return `{${min}, ${max}}`;
      case 'star': return '*';
      case 'plus': return '+';
      case 'optional': return '?';
      default: return unreachable(quantifier.form);
    }
  }

  protected label(label: GraphLabelExpression): string {
    switch (label.kind) {
      case 'label': return this.name(label.name);
      case 'anyLabel': return '%';
      case 'dynamicLabel': return this.expression(label.expression);
      case 'notLabel': return `!${this.labelOperand(label.operand)}`;
      case 'andLabel': return label.operands.map((operand) => this.labelOperand(operand)).join('&');
      case 'orLabel': return label.operands.map((operand) => this.labelOperand(operand)).join('|');
      default: return unreachable(label);
    }
  }

  private labelOperand(label: GraphLabelExpression): string {
    return label.kind === 'andLabel' || label.kind === 'orLabel' ? `(${this.label(label)})` : this.label(label);
  }
}
