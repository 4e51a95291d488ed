/** The ends of a streamed answer: whatever happens, its run is closed and its end is told, once. */
import { expect, it } from 'vitest';
import { AnswerStream, type Answering } from '../../src/api/data/answers.ts';
import type { Run } from '../../src/api/data/statement-run.ts';

interface Watched {
  readonly stream: AnswerStream;
  readonly seen: string[];
}

function watch(start: (run: Run) => Promise<Run>, more: Partial<Run> = {}): Watched {
  const seen: string[] = [];
  const run: Run = {
    metadata: { columns: [], transaction: undefined, undeclaredParameters: [] },
    next: () => Promise.resolve(undefined),
    close: async () => void seen.push('closed'),
    abandon: () => void seen.push('abandoned'),
    stats: () => undefined,
    precommit: undefined,
    readTimestamp: undefined,
    begunId: Buffer.alloc(0),
    resumable: false,
    lastKey: () => undefined,
    ...more,
  };
  const answering = async (): Promise<Answering> => ({ run: await start(run), fingerprint: 0, resume: undefined, meter: { rows: 0, bytes: 0, clientWaitMicros: 0 } });
  return { seen, stream: new AnswerStream(() => 0, answering, (error) => void seen.push(error === undefined ? 'ended' : 'ended with an error')) };
}

it('ends once, when everything has been taken', async () => {
  const { stream, seen } = watch((run) => Promise.resolve(run));
  expect((await stream.next()).done).toBe(false);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  await stream.return();
  expect(seen).toEqual(['closed', 'ended']);
});

it('closes a run that begins only after the client has left', async () => {
  let begin: (() => void) | undefined;
  const { stream, seen } = watch((run) => new Promise((resolve) => (begin = () => resolve(run))));
  const first = stream.next();
  const left = stream.return();
  begin?.();
  await Promise.all([first, left]);
  expect(seen).toEqual(['abandoned', 'closed', 'ended with an error']);
});

it('tells its end also when the run does not close well', async () => {
  const { stream, seen } = watch((run) => Promise.resolve(run), { close: () => Promise.reject(new Error('broken')) });
  await stream.next();
  await expect(stream.next()).rejects.toThrow('broken');
  expect(seen).toEqual(['ended']);
});
