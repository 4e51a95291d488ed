/** UNAVAILABLE from the network, with what a caller must know before it repeats a call that changes something. */
import { Code, TrestleError } from '../base/errors.ts';

export class RpcUnavailable extends TrestleError {
  /** The connection broke after the request was sent: the peer may have executed it. False: it certainly did not. */
  readonly maybeExecuted: boolean;

  constructor(message: string, maybeExecuted: boolean) {
    super(Code.UNAVAILABLE, message);
    this.name = 'RpcUnavailable';
    this.maybeExecuted = maybeExecuted;
  }
}
