/** What a run found to be wrong, and when in virtual time. */
export class SimViolation extends Error {
  readonly atMicros: number;

  constructor(message: string, atMicros: number) {
    super(`${message} (at ${(atMicros / 1e6).toFixed(6)} s)`);
    this.name = 'SimViolation';
    this.atMicros = atMicros;
  }
}
