/** Graph patterns: `MATCH (a:Person)-[e:Knows]->{1,3}(b WHERE …)`. See ast/graph.ts. */
import type {
  GraphEdgePattern, GraphElementFiller, GraphLabelExpression, GraphPath, GraphPathElement, GraphPathMode, GraphPattern, GraphPropertyFilter,
  GraphQuantifier, GraphSearchPrefix, GraphSubpath, GraphTopPath,
} from '../ast/graph.ts';
import { TokenKind } from '../lex/lexer.ts';
import { PipeParser } from './pipes.ts';

export abstract class GraphPatternParser extends PipeParser {
  protected parseGraphPattern(): GraphPattern {
    const start = this.start;
    const paths = [this.parseTopPath()];
    while (this.accept(',')) paths.push(this.parseTopPath());
    const where = this.accept('WHERE') ? this.parseExpression() : undefined;
    return { kind: 'graphPattern', start, end: this.previousEnd, paths, where };
  }

  private parseTopPath(): GraphTopPath {
    const start = this.start;
    const hint = this.parseHintIfPresent();
    const variable = this.isIdentifier() && this.wordAt(1) === '=' ? this.takeIdentifier() : undefined;
    if (variable !== undefined) this.expect('=');
    const search = this.parseSearchPrefix();
    const mode = this.parsePathMode();
    const path = this.parseGraphPath();
    return { kind: 'graphTopPath', start, end: this.previousEnd, hint, variable, search, mode, path };
  }

  private parseSearchPrefix(): GraphSearchPrefix | undefined {
    const start = this.start;
    const done = (form: GraphSearchPrefix['form'], count: GraphSearchPrefix['count']): GraphSearchPrefix =>
      ({ kind: 'graphSearchPrefix', start, end: this.previousEnd, form, count });
    switch (this.word) {
      case 'ALL':
        this.advance();
        if (this.accept('SHORTEST')) return done('allShortest', undefined);
        return this.accept('CHEAPEST') ? done('allCheapest', undefined) : done('all', undefined);
      case 'ANY':
        this.advance();
        if (this.accept('SHORTEST')) return done('anyShortest', undefined);
        if (this.accept('CHEAPEST')) return done('anyCheapest', undefined);
        return done('any', this.parseCountIfPresent());
      case 'SHORTEST': case 'CHEAPEST': {
        const form = this.word === 'SHORTEST' ? 'shortest' : 'cheapest';
        this.advance();
        const count = this.parseCountIfPresent();
        if (count === undefined) throw this.unexpected();
        return done(form, count);
      }
      default: return undefined;
    }
  }

  private parseCountIfPresent(): GraphSearchPrefix['count'] {
    return this.kind === TokenKind.integer || (this.word === '@' && !this.atHint()) ? this.parsePostfix() : undefined;
  }

  private parsePathMode(): GraphPathMode | undefined {
    let mode: GraphPathMode;
    switch (this.word) {
      case 'WALK': mode = 'walk'; break;
      case 'TRAIL': mode = 'trail'; break;
      case 'SIMPLE': mode = 'simple'; break;
      case 'ACYCLIC': mode = 'acyclic'; break;
      default: return undefined;
    }
    this.advance();
    if (!this.accept('PATH')) this.accept('PATHS');
    return mode;
  }

  private parseGraphPath(): GraphPath {
    const start = this.start;
    const elements: GraphPathElement[] = [];
    for (;;) {
      const element = this.parsePathElement();
      if (element === undefined) break;
      elements.push(element);
    }
    if (elements.length === 0) throw this.unexpected();
    return { kind: 'graphPath', start, end: this.previousEnd, elements };
  }

  private parsePathElement(): GraphPathElement | undefined {
    switch (this.word) {
      case '(': return this.parseNodeOrSubpath();
      case '-': case '<': case '->': return this.parseEdge();
      case '@': return this.parseHintIfPresent();
      default: return undefined;
    }
  }

  private parseNodeOrSubpath(): GraphPathElement {
    const start = this.start;
    if (!this.subpathFollows()) {
      this.advance();
      const filler = this.parseFiller();
      this.expect(')');
      return { kind: 'graphNode', start, end: this.previousEnd, filler };
    }
    this.enter();
    this.advance();
    const hint = this.parseHintIfPresent();
    const variable = this.isIdentifier() && this.wordAt(1) === '=' ? this.takeIdentifier() : undefined;
    if (variable !== undefined) this.expect('=');
    const mode = this.parsePathMode();
    const path = this.parseGraphPath();
    const where = this.accept('WHERE') ? this.parseExpression() : undefined;
    this.expect(')');
    const quantifier = this.parseQuantifierIfPresent();
    this.leave();
    return { kind: 'graphSubpath', start, end: this.previousEnd, hint, variable, mode, path, where, quantifier } satisfies GraphSubpath;
  }

  /** After the parenthesis: another node, an edge, a path mode before either, or `name =`. */
  private subpathFollows(): boolean {
    switch (this.wordAt(1)) {
      case '(': case '-': case '<': case '->': return true;
      case 'WALK': case 'TRAIL': case 'SIMPLE': case 'ACYCLIC': {
        const next = this.wordAt(2);
        return next === '(' || next === '-' || next === '<' || next === '->' || next === 'PATH' || next === 'PATHS';
      }
      default: return this.isIdentifier(1) && this.wordAt(2) === '=';
    }
  }

  /** `-[…]->`, `<-[…]-`, `-[…]-`, `->`, `<-`, `-`. */
  private parseEdge(): GraphEdgePattern {
    const start = this.start;
    const left = this.accept('<');
    if (!left && this.accept('->')) return this.finishEdge(start, 'right', true, this.emptyFiller());
    this.expect('-');
    if (this.word !== '[') {
      if (left && this.is('>')) throw this.unexpected();
      return this.finishEdge(start, left ? 'left' : 'any', true, this.emptyFiller());
    }
    this.advance();
    const filler = this.parseFiller();
    this.expect(']');
    if (this.accept('->')) {
      if (left) throw this.errorAt(start, 'Syntax error: Unexpected "->"');
      return this.finishEdge(start, 'right', false, filler);
    }
    this.expect('-');
    return this.finishEdge(start, left ? 'left' : 'any', false, filler);
  }

  private finishEdge(start: number, direction: GraphEdgePattern['direction'], abbreviated: boolean, filler: GraphElementFiller): GraphEdgePattern {
    const quantifier = this.parseQuantifierIfPresent();
    return { kind: 'graphEdge', start, end: this.previousEnd, direction, abbreviated, filler, quantifier };
  }

  private emptyFiller(): GraphElementFiller {
    const at = this.previousEnd;
    return { kind: 'graphElementFiller', start: at, end: at, hint: undefined, variable: undefined, label: undefined, properties: [], where: undefined, cost: undefined };
  }

  private parseFiller(): GraphElementFiller {
    const start = this.start;
    const hint = this.parseHintIfPresent();
    const variable = this.isIdentifier() && this.word !== 'COST' ? this.takeIdentifier() : undefined;
    const label = this.accept(':') || this.accept('IS') ? this.parseLabelExpression() : undefined;
    const properties = this.word === '{' ? this.parsePropertyFilters() : [];
    const where = this.accept('WHERE') ? this.parseExpression() : undefined;
    const cost = this.accept('COST') ? this.parseExpression() : undefined;
    return { kind: 'graphElementFiller', start, end: this.previousEnd, hint, variable, label, properties, where, cost };
  }

  private parsePropertyFilters(): GraphPropertyFilter[] {
    this.expect('{');
    const filters: GraphPropertyFilter[] = [];
    do {
      const name = this.parseIdentifier();
      this.expect(':');
      const value = this.parseExpression();
      filters.push({ kind: 'graphPropertyFilter', start: name.start, end: this.previousEnd, name, value });
    } while (this.accept(','));
    this.expect('}');
    return filters;
  }

  private parseQuantifierIfPresent(): GraphQuantifier | undefined {
    const start = this.start;
    switch (this.word) {
      case '*': case '+': case '?': {
        const form = this.word === '*' ? 'star' : this.word === '+' ? 'plus' : 'optional';
        this.advance();
        return { kind: 'graphQuantifier', start, end: this.previousEnd, min: undefined, max: undefined, form };
      }
      case '{': {
        this.advance();
        const min = this.is(',') ? undefined : this.parsePostfix();
        if (this.accept('}')) return { kind: 'graphQuantifier', start, end: this.previousEnd, min, max: min, form: 'fixed' };
        this.expect(',');
        const max = this.is('}') ? undefined : this.parsePostfix();
        this.expect('}');
        return { kind: 'graphQuantifier', start, end: this.previousEnd, min, max, form: 'bounded' };
      }
      default: return undefined;
    }
  }

  // ---- Labels

  protected parseLabelExpression(): GraphLabelExpression {
    this.enter();
    const start = this.start;
    const operands = [this.parseLabelConjunction()];
    while (this.accept('|')) operands.push(this.parseLabelConjunction());
    this.leave();
    const [only] = operands;
    if (only !== undefined && operands.length === 1) return only;
    return { kind: 'orLabel', start, end: this.previousEnd, operands };
  }

  private parseLabelConjunction(): GraphLabelExpression {
    const start = this.start;
    const operands = [this.parseLabelFactor()];
    while (this.accept('&')) operands.push(this.parseLabelFactor());
    const [only] = operands;
    if (only !== undefined && operands.length === 1) return only;
    return { kind: 'andLabel', start, end: this.previousEnd, operands };
  }

  private parseLabelFactor(): GraphLabelExpression {
    const start = this.start;
    if (this.accept('!')) {
      this.enter();
      const operand = this.parseLabelFactor();
      this.leave();
      return { kind: 'notLabel', start, end: this.previousEnd, operand };
    }
    if (this.accept('%')) return { kind: 'anyLabel', start, end: this.previousEnd };
    if (this.accept('(')) {
      const inner = this.parseLabelExpression();
      this.expect(')');
      return inner;
    }
    if (this.word === '@' || this.word === '@@') {
      const expression = this.parsePostfix();
      return { kind: 'dynamicLabel', start, end: this.previousEnd, expression };
    }
    const name = this.parseIdentifier();
    return { kind: 'label', start, end: this.previousEnd, name };
  }
}
