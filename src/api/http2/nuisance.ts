/**
 * A budget for frames of a client that cost work and bring nothing: resets of calls just begun, empty data, settings, refused streams.
 * It holds as many as any client needs at once, and fills again with time.
 */
import { ConnectionFault, ErrorCode } from './frames.ts';

const BURST = 1_000;
const PER_SECOND = 50;

export class Nuisance {
  private left = BURST;
  private filledAt = performance.now();

  /** Throws ConnectionFault when there were too many. */
  count(): void {
    if (--this.left > 0) return;
    const now = performance.now();
    this.left = Math.min(BURST, Math.floor(((now - this.filledAt) / 1_000) * PER_SECOND));
    this.filledAt = now;
    if (this.left <= 0) throw new ConnectionFault(ErrorCode.enhanceYourCalm, 'too many frames that bring nothing');
  }
}
