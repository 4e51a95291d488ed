/** The three sources of a dump, and what sets their lexical structure apart. */

export const DIALECTS = ['mysql', 'postgresql', 'sqlite'] as const;
export type Dialect = (typeof DIALECTS)[number];

export interface LexicalRules {
  /** Quotes of strings. */
  readonly stringQuotes: string;
  /** Quotes of names; `[` closes with `]`. */
  readonly nameQuotes: string;
  /** A backslash takes the next character into any string, not only into those of PostgreSQL's E prefix. */
  readonly backslashes: boolean;
  readonly hashComments: boolean;
  /** Comments inside comments. */
  readonly nestedComments: boolean;
  /** Code inside comments: MySQL's version comments. */
  readonly conditionalComments: boolean;
  readonly dollarQuotes: boolean;
}

export const LEXICAL: Readonly<Record<Dialect, LexicalRules>> = {
  mysql: { stringQuotes: `'"`, nameQuotes: '`', backslashes: true, hashComments: true, nestedComments: false, conditionalComments: true, dollarQuotes: false },
  postgresql: { stringQuotes: `'`, nameQuotes: '"', backslashes: false, hashComments: false, nestedComments: true, conditionalComments: false, dollarQuotes: true },
  sqlite: { stringQuotes: `'`, nameQuotes: '"`[', backslashes: false, hashComments: false, nestedComments: false, conditionalComments: false, dollarQuotes: false },
};

/** Text of a dump is read as one character a byte, since strings may hold bytes that are no text. This makes it text again. */
export const decodeText = (bytes: string): string => (isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8'));

// eslint-disable-next-line no-control-regex
const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);
