/** The database's one multiplexed session, made when it is first needed, and again when the server has forgotten it. */
import { Code } from '../base/errors.ts';
import { SPANNER, type Channel } from './channel.ts';
import { isCode } from './status.ts';

export class MultiplexedSession {
  readonly #channel: Channel;
  readonly #database: string;
  #name: Promise<string> | undefined;

  constructor(channel: Channel, database: string) {
    this.#channel = channel;
    this.#database = database;
  }

  name(): Promise<string> {
    if (this.#name === undefined) {
      const made = this.#create();
      this.#name = made;
      made.catch(() => {
        if (this.#name === made) this.#name = undefined;
      });
    }
    return this.#name;
  }

  /** True when the error says that the session is gone: then the next `name` is another, and the call may be repeated. */
  isLost(error: unknown): boolean {
    if (!isCode(error, Code.NOT_FOUND) || !error.message.includes('Session not found')) return false;
    this.#name = undefined;
    return true;
  }

  async #create(): Promise<string> {
    const answer = await this.#channel.unary(SPANNER, 'CreateSession', { database: this.#database, session: { multiplexed: true } }, { resource: this.#database });
    return String(answer['name']);
  }
}
