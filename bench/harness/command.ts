/** How a benchmark's command begins and ends: what was asked of it wrongly is told in one line. */

/** The command was given something that it does not know. */
export class UsageError extends Error {}

const isUsage = (error: unknown): error is Error =>
  error instanceof UsageError || (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));

/** Runs a command; its exit code is what `main` answers, 2 when it was asked wrongly. */
export async function runCommand(main: () => Promise<number | void>): Promise<void> {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!isUsage(error)) throw error;
    process.stderr.write(`${error.message}\nSee --help.\n`);
    process.exitCode = 2;
  }
}

/** A number from an option, above zero; zero as well where it means none. */
export function positive(option: string, text: string, orZero = false): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && (number > 0 || (orZero && number === 0))) return number;
  throw new UsageError(`--${option} takes a number ${orZero ? 'not below' : 'above'} zero, not '${text}'`);
}
