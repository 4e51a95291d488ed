/**
 * Checks a history of reads and writes of registers for linearizability. Knows only what clients saw.
 *
 * Every write has a value of its own, so each read names the write that it saw, and the check is that of Gibbons and
 * Korach ("Testing Shared Memories", SIAM J. Comput. 26(4), 1997, §4): the operations on one value form a cluster; its
 * zone lies between the earliest end and the latest start of its operations. The history is linearizable if and only if no
 * two forward zones (earliest end before latest start) overlap, no backward zone lies within a forward one, and no read
 * ends before its write starts.
 */

export interface Operation {
  readonly kind: 'read' | 'write';
  readonly register: number;
  /** Of a write: unique among all writes. Of a read: what it saw; INITIAL when nothing was written. */
  readonly value: number;
  /** Virtual microseconds. */
  readonly start: number;
  /** Infinity: the client does not know whether the write happened. Reads of unknown outcome don't belong here. */
  readonly end: number;
}

export const INITIAL = 0;

interface Cluster {
  readonly value: number;
  write: Operation | undefined;
  reads: number;
  earliestEnd: number;
  latestStart: number;
}

/** A sentence that says what is wrong, or undefined. */
export function checkRegisters(operations: readonly Operation[]): string | undefined {
  const registers = new Map<number, Operation[]>();
  for (const operation of operations) {
    const list = registers.get(operation.register);
    if (list === undefined) registers.set(operation.register, [operation]);
    else list.push(operation);
  }
  for (const [register, list] of registers) {
    const problem = checkRegister(list);
    if (problem !== undefined) return `register ${register}: ${problem}`;
  }
  return undefined;
}

function clustersOf(operations: readonly Operation[]): Map<number, Cluster> {
  const initial: Operation = { kind: 'write', register: 0, value: INITIAL, start: -1, end: -1 };
  const clusters = new Map<number, Cluster>();
  for (const operation of [initial, ...operations]) {
    let cluster = clusters.get(operation.value);
    if (cluster === undefined) {
      cluster = { value: operation.value, write: undefined, reads: 0, earliestEnd: Infinity, latestStart: -Infinity };
      clusters.set(operation.value, cluster);
    }
    if (operation.kind === 'read') cluster.reads++;
    else cluster.write = operation;
    cluster.earliestEnd = Math.min(cluster.earliestEnd, operation.end);
    cluster.latestStart = Math.max(cluster.latestStart, operation.start);
  }
  return clusters;
}

function checkRegister(operations: readonly Operation[]): string | undefined {
  const clusters = clustersOf(operations);
  for (const { value, write, earliestEnd } of clusters.values()) {
    if (write === undefined) return `value ${value} was read and never written`;
    if (earliestEnd < write.start) return `value ${value} was read before it was written`;
  }
  // A write of unknown outcome that nobody saw may not have happened: it constrains nothing.
  const zones = [...clusters.values()].filter(({ earliestEnd }) => earliestEnd < Infinity);
  const forward = zones.filter(({ earliestEnd, latestStart }) => earliestEnd < latestStart).sort((a, b) => a.earliestEnd - b.earliestEnd);
  for (let i = 1; i < forward.length; i++) {
    const [a, b] = [forward[i - 1], forward[i]];
    if (a !== undefined && b !== undefined && b.earliestEnd < a.latestStart) {
      return `values ${a.value} and ${b.value} were each seen after the other had been: ${span(a)}, ${span(b)}`;
    }
  }
  for (const { value, earliestEnd, latestStart } of zones) {
    if (earliestEnd < latestStart) continue;
    const around = lastStartingBefore(forward, latestStart);
    if (around !== undefined && around.value !== value && earliestEnd < around.latestStart) {
      return `value ${value} (between ${latestStart} and ${earliestEnd}) came while ${around.value} was the newest: ${span(around)}`;
    }
  }
  return undefined;
}

/** The last of the sorted, disjoint forward zones that begins before `time`. */
function lastStartingBefore(forward: readonly Cluster[], time: number): Cluster | undefined {
  let low = 0;
  let high = forward.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((forward[middle]?.earliestEnd ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  return forward[low - 1];
}

const span = ({ value, earliestEnd, latestStart }: Cluster): string => `${value} from ${earliestEnd} to ${latestStart}`;
