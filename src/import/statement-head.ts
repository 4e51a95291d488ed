/**
 * What the words of a statement say about where it ends: bodies of triggers and routines hold semicolons of their own, and
 * the VALUES of an INSERT begin a list of rows that may be long.
 */
import type { Dialect } from './dialect.ts';

/** `CREATE OR REPLACE DEFINER … PROCEDURE`: the kind of what is made is among the first words. */
const WORDS_MAX = 6;

export class StatementHead {
  readonly #dialect: Dialect;
  readonly #words: string[] = [];
  #hasBody = false;
  #depth = 0;
  #isAtValues = false;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Inside BEGIN … END. */
  get isInBody(): boolean {
    return this.#depth > 0;
  }

  /** The last word was the VALUES of an INSERT. */
  get isAtValues(): boolean {
    return this.#isAtValues;
  }

  word(text: string, parens: number): void {
    if (text.length > 12) return;
    const word = text.toUpperCase();
    if (this.#words.length < WORDS_MAX) {
      this.#words.push(word);
      this.#hasBody ||= this.#words[0] === 'CREATE' && ((this.#dialect === 'sqlite' && word === 'TRIGGER') || (this.#dialect === 'postgresql' && (word === 'FUNCTION' || word === 'PROCEDURE')));
    }
    this.#isAtValues = (word === 'VALUES' || (word === 'VALUE' && this.#dialect === 'mysql')) && parens === 0 && (this.#words[0] === 'INSERT' || this.#words[0] === 'REPLACE');
    if (!this.#hasBody) return;
    if (word === 'BEGIN' || (word === 'CASE' && this.#depth > 0)) this.#depth++;
    else if (word === 'END' && this.#depth > 0) this.#depth--;
  }
}
