/**
 * A small seeded generator (xoshiro128**, Blackman and Vigna 2018): integer arithmetic only, so that it gives the same
 * stream on every machine. Not for secrets.
 */
import type { Random } from './env.ts';

const UINT32 = 0x1_0000_0000;

/** Mixes a 32-bit state into well-spread 32-bit values: how one seed fills the generator's four words (splitmix32). */
function splitmix(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

function hashLabel(seed: number, label: string): number {
  let h = (seed ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < label.length; i++) h = Math.imul(h ^ label.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

export class SeededRandom implements Random {
  private readonly seed: number;
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    const next = splitmix(seed);
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next();
  }

  private next(): number {
    const product = Math.imul(this.b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  int(n: number): number {
    return Math.floor((this.next() / UINT32) * n);
  }

  float(): number {
    return this.next() / UINT32;
  }

  hex(byteCount: number): string {
    let out = '';
    while (out.length < byteCount * 2) out += this.next().toString(16).padStart(8, '0');
    return out.slice(0, byteCount * 2);
  }

  fork(label: string): SeededRandom {
    return new SeededRandom(hashLabel(this.seed, label));
  }
}
