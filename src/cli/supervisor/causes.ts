/** Why a node process ended, in words for the user, and what the supervisor does about it. */
import { ExitCode } from '../process-contract.ts';

export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What the node said itself before it ended. */
  readonly fatal: string | undefined;
}

/** What to do after a node ended by itself: start it again soon, seldom, or not before the user says so. */
export type Remedy = 'restart' | 'restart-slowly' | 'give-up';

interface Cause {
  readonly what: string;
  readonly advice: string;
  readonly remedy: Remedy;
}

const CAUSES: ReadonlyMap<number, Cause> = new Map([
  [ExitCode.badConfig, { what: 'its configuration is not valid', advice: 'See its log.', remedy: 'give-up' }],
  [ExitCode.diskFull, { what: 'the disk is full', advice: 'Free some space; nothing acknowledged was lost.', remedy: 'restart-slowly' }],
  [
    ExitCode.corruptData,
    {
      what: 'its data on disk is damaged',
      advice: 'The other nodes still have everything that was acknowledged. The damaged files were left as they are.',
      remedy: 'give-up',
    },
  ],
  [ExitCode.foreignData, { what: 'its data is of a newer version, or of another cluster', advice: 'Use the version that wrote it, or another --data-dir.', remedy: 'give-up' }],
  [ExitCode.clockOutOfBounds, { what: 'the clock is off by more than the declared bound', advice: 'Set the clock (NTP), or declare a larger uncertainty.', remedy: 'restart-slowly' }],
  [ExitCode.portInUse, { what: 'its port is taken by another program', advice: 'Stop that program, or stop and start Trestle to choose other ports.', remedy: 'restart-slowly' }],
]);

/** `ended with exit code 1`, `was ended by SIGSEGV`, `ended: the disk is full. …` */
export function describeEnding(ending: Ending): string {
  const cause = ending.exitCode === null ? undefined : CAUSES.get(ending.exitCode);
  if (cause !== undefined) return `ended: ${cause.what}${ending.fatal === undefined ? '' : ` (${trimEnd(ending.fatal)})`}. ${cause.advice}`;
  const how = ending.signal === null ? `ended by itself with exit code ${String(ending.exitCode)}` : `was ended by ${ending.signal}`;
  return ending.fatal === undefined ? `${how}.` : `${how}: ${trimEnd(ending.fatal)}.`;
}

const trimEnd = (sentence: string): string => sentence.replace(/[.\s]+$/, '');

export function remedyOf(ending: Ending): Remedy {
  if (ending.exitCode === null) return 'restart';
  return CAUSES.get(ending.exitCode)?.remedy ?? 'restart';
}

export interface BackOffTuning {
  readonly firstMillis: number;
  readonly maxMillis: number;
  /** The delay where the cause lies outside and only waiting can help. */
  readonly slowMillis: number;
}

export const BACK_OFF: BackOffTuning = { firstMillis: 100, maxMillis: 30_000, slowMillis: 15_000 };

/** The delay before a restart. `failures` counts the endings in a row, from 1. */
export function restartDelayMillis(failures: number, remedy: Exclude<Remedy, 'give-up'>, tuning: BackOffTuning = BACK_OFF): number {
  if (remedy === 'restart-slowly') return tuning.slowMillis;
  return Math.min(tuning.maxMillis, tuning.firstMillis * 2 ** Math.min(failures - 1, 30));
}
