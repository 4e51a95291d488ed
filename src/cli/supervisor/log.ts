/** The supervisor's own log, as JSON lines. */
import { renameSync, statSync } from 'node:fs';
import { destination, pino } from 'pino';

export interface EventLog {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

const LOG_BYTES_MAX = 16 * 1024 * 1024;

/** Writes synchronously, so that the last words of a supervisor are in the file. Few events go there. */
export function openLog(path: string): EventLog {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  const file = destination({ dest: path, sync: true });
  // On a full disk lines are lost, and nothing else.
  file.on('error', () => undefined);
  const logger = pino({ base: { process: 'supervisor', pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, file);
  return {
    info: (event, fields = {}) => {
      logger.info(fields, event);
    },
    warn: (event, fields = {}) => {
      logger.warn(fields, event);
    },
    error: (event, fields = {}) => {
      logger.error(fields, event);
    },
  };
}
