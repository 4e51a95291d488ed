/** CREATE PROPERTY GRAPH. See ast/ddl-graph.ts. */
import type { CreatePropertyGraph, GraphDerivedProperty, GraphElementTable, GraphLabelDefinition, GraphNodeReference, GraphProperties } from '../ast/ddl-graph.ts';
import type { Identifier } from '../ast/node.ts';
import { DdlIndexParser } from './ddl-indexes.ts';

export abstract class DdlGraphParser extends DdlIndexParser {
  /** After CREATE [OR REPLACE] PROPERTY GRAPH. */
  protected parseCreatePropertyGraph(start: number, orReplace: boolean): CreatePropertyGraph {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    this.expect('NODE');
    this.expect('TABLES');
    const nodeTables = this.parseElementTables(false);
    const edgeTables = this.accept('EDGE') ? this.parseEdgeTables() : [];
    return { kind: 'createPropertyGraph', start, end: this.previousEnd, orReplace, ifNotExists, name, nodeTables, edgeTables };
  }

  private parseEdgeTables(): GraphElementTable[] {
    this.expect('TABLES');
    return this.parseElementTables(true);
  }

  private parseElementTables(edges: boolean): GraphElementTable[] {
    this.expect('(');
    const tables: GraphElementTable[] = [];
    do {
      if (this.word === ')' && tables.length > 0) break;
      tables.push(this.parseElementTable(edges));
    } while (this.accept(','));
    this.expect(')');
    return tables;
  }

  private parseElementTable(edge: boolean): GraphElementTable {
    const start = this.start;
    const table = this.parsePath();
    const alias = this.accept('AS') ? this.parseIdentifier() : undefined;
    const key = this.accept('KEY') ? this.parseIdentifierList() : undefined;
    const source = edge ? this.parseNodeReference('SOURCE') : undefined;
    const destination = edge ? this.parseNodeReference('DESTINATION') : undefined;
    const labels: GraphLabelDefinition[] = [];
    let properties: GraphProperties | undefined;
    let dynamicLabel: Identifier | undefined;
    let dynamicProperties: Identifier | undefined;
    for (;;) {
      const before = this.at;
      if (this.word === 'LABEL' || this.word === 'DEFAULT') labels.push(this.parseLabel());
      else if (labels.length === 0) properties ??= this.parsePropertiesIfPresent();
      if (dynamicLabel === undefined && this.word === 'DYNAMIC' && this.wordAt(1) === 'LABEL') dynamicLabel = this.parseDynamic();
      if (dynamicProperties === undefined && this.word === 'DYNAMIC' && this.wordAt(1) === 'PROPERTIES') dynamicProperties = this.parseDynamic();
      if (this.at === before) break;
    }
    return {
      kind: 'graphElementTable', start, end: this.previousEnd, table, alias, key, source, destination, labels, properties, dynamicLabel, dynamicProperties,
    };
  }

  private parseDynamic(): Identifier {
    this.advance();
    this.advance();
    this.expect('(');
    const column = this.parseIdentifier();
    this.expect(')');
    return column;
  }

  private parseNodeReference(word: 'SOURCE' | 'DESTINATION'): GraphNodeReference {
    const start = this.start;
    this.expect(word);
    this.expect('KEY');
    const columns = this.parseIdentifierList();
    this.expect('REFERENCES');
    const node = this.parseIdentifier();
    const referencedColumns = this.word === '(' ? this.parseIdentifierList() : [];
    return { kind: 'graphNodeReference', start, end: this.previousEnd, columns, node, referencedColumns };
  }

  private parseLabel(): GraphLabelDefinition {
    const start = this.start;
    const isDefault = this.accept('DEFAULT');
    this.expect('LABEL');
    const name = isDefault ? undefined : this.parseIdentifier();
    const properties = this.parsePropertiesIfPresent();
    return { kind: 'graphLabel', start, end: this.previousEnd, name, properties };
  }

  private parsePropertiesIfPresent(): GraphProperties | undefined {
    const start = this.start;
    if (this.accept('NO')) {
      this.expect('PROPERTIES');
      return { kind: 'none', start, end: this.previousEnd };
    }
    if (!this.accept('PROPERTIES')) return undefined;
    if (this.word === '(') return this.parseDerivedProperties(start);
    this.accept('ARE');
    this.accept('ALL');
    this.expect('COLUMNS');
    const except = this.accept('EXCEPT') ? this.parseIdentifierList() : [];
    return { kind: 'allColumns', start, end: this.previousEnd, except };
  }

  private parseDerivedProperties(start: number): GraphProperties {
    this.expect('(');
    const properties: GraphDerivedProperty[] = [];
    do {
      const itemStart = this.start;
      const expression = this.parseExpression();
      const alias = this.accept('AS') ? this.parseIdentifier() : undefined;
      properties.push({ kind: 'graphDerivedProperty', start: itemStart, end: this.previousEnd, expression, alias });
    } while (this.accept(','));
    this.expect(')');
    return { kind: 'derived', start, end: this.previousEnd, properties };
  }
}
