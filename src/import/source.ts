/** A dump file as pieces of one database, read from its beginning as often as is needed. */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { invalidArgument, notFound } from '../base/errors.ts';
import type { Dialect } from './dialect.ts';
import { Splitter, type Piece } from './splitter.ts';
import { TokenCursor } from './tokens.ts';

const CHUNK_BYTES = 256 * 1024;

/** Files that are no text, by their first bytes, and what to do instead. */
const NOT_TEXT: readonly (readonly [string, string])[] = [
  ['PGDMP', 'it is in a format of pg_dump that is no SQL; make it with --format=plain'],
  ['SQLite format 3\0', 'it is the database itself; make a dump with: sqlite3 FILE .dump'],
  ['\x1f\x8b', 'it is compressed; unpack it first'],
  ['\x28\xb5\x2f\xfd', 'it is compressed; unpack it first'],
  ['\xff\xfe', 'it is in UTF-16; make it in UTF-8'],
];

export interface SourceOptions {
  readonly path: string;
  readonly dialect: Dialect;
  /** Which database of the dump, where it holds several. */
  readonly sourceDatabase: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export class DumpFile {
  readonly #options: SourceOptions;
  readonly bytes: number;
  /** Bytes that the current reading has passed. */
  bytesRead = 0;
  /** Pieces of other databases that were passed over. */
  skipped = 0;

  private constructor(options: SourceOptions, bytes: number) {
    this.#options = options;
    this.bytes = bytes;
  }

  static async open(options: SourceOptions): Promise<DumpFile> {
    let bytes: number;
    let start: string;
    try {
      bytes = (await stat(options.path)).size;
      await using file = await open(options.path);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
      start = buffer.toString('latin1', 0, bytesRead);
    } catch (error) {
      throw notFound(`Cannot read ${options.path}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const reason = NOT_TEXT.find(([magic]) => start.startsWith(magic))?.[1];
    if (reason !== undefined) throw invalidArgument(`${options.path} cannot be imported: ${reason}.`);
    return new DumpFile(options, bytes);
  }

  /** The pieces in order, those of a part of the file at a time. */
  async *pieces(): AsyncGenerator<readonly Piece[], void, undefined> {
    const splitter = new Splitter(this.#options.dialect);
    const filter = new DatabaseFilter(this.#options.dialect, this.#options.sourceDatabase);
    this.bytesRead = 0;
    this.skipped = 0;
    const stream = createReadStream(this.#options.path, { encoding: 'latin1', highWaterMark: CHUNK_BYTES, ...(this.#options.signal === undefined ? {} : { signal: this.#options.signal }) });
    for await (const chunk of stream) {
      // One character a byte.
      const text = chunk as string;
      yield this.#filtered(filter, splitter.push(this.bytesRead === 0 ? text.replace(/^\xef\xbb\xbf/, '') : text));
      this.bytesRead += text.length;
    }
    yield this.#filtered(filter, splitter.end());
  }

  #filtered(filter: DatabaseFilter, pieces: readonly Piece[]): readonly Piece[] {
    const kept = pieces.filter((piece) => filter.keeps(piece));
    this.skipped += pieces.length - kept.length;
    return kept;
  }
}

/** Keeps what belongs to one database: dumps of mariadb-dump --databases and of pg_dumpall hold several. */
class DatabaseFilter {
  readonly #dialect: Dialect;
  readonly #wanted: string | undefined;
  #current: string | undefined;
  #first: string | undefined;

  constructor(dialect: Dialect, wanted: string | undefined) {
    this.#dialect = dialect;
    this.#wanted = wanted;
  }

  keeps(piece: Piece): boolean {
    const next = this.#switchTo(piece);
    if (next === undefined) return this.#wanted === undefined || this.#current === undefined || this.#current === this.#wanted;
    this.#current = next;
    this.#first ??= next;
    if (this.#wanted === undefined && next !== this.#first) throw invalidArgument(`Line ${String(piece.line)}: the dump holds several databases, ${this.#first} and ${next} among them. Choose one with --source-database.`);
    return false;
  }

  #switchTo(piece: Piece): string | undefined {
    if (this.#dialect === 'mysql' && piece.kind === 'statement' && /^USE\s/i.test(piece.text)) return new TokenCursor(piece.text.slice(4), this.#dialect).name();
    if (piece.kind === 'meta') return /^\\c(?:onnect)?\s+(?:-\S+\s+)*"?([^\s"]+)/.exec(piece.text)?.[1];
    return undefined;
  }
}
