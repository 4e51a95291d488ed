/** Where a command writes. Handed in, so that tests read it and a detached supervisor sends it to the terminal it left. */

export interface Output {
  /** One or more lines on standard output; the line end is added. */
  out(text: string): void;
  /** The same on standard error. */
  err(text: string): void;
}

export const terminalOutput: Output = {
  out: (text) => {
    process.stdout.write(`${text}\n`);
  },
  err: (text) => {
    process.stderr.write(`${text}\n`);
  },
};

/** An error that is the user's to solve: printed without a stack, and the command ends with `exitCode`. */
export class UserError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'UserError';
    this.exitCode = exitCode;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The system's code of a failed call: ENOENT, EADDRINUSE, …; undefined for other errors. */
export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
