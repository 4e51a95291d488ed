/**
 * The 64-bit fingerprint of FarmHash, which never changes. Arithmetic is modulo 2^64.
 * Source: the published description of FarmHash's Fingerprint64.
 */
const MASK = 0xffff_ffff_ffff_ffffn;
const K0 = 0xc3a5c85c97cb3127n;
const K1 = 0xb492b66fbe98f273n;
const K2 = 0x9ae16a3b2f90404fn;
const SEED = 81n;

const add = (...xs: readonly bigint[]): bigint => xs.reduce((a, b) => a + b, 0n) & MASK;
const mul = (a: bigint, b: bigint): bigint => (a * b) & MASK;
const rotate = (x: bigint, by: bigint): bigint => ((x >> by) | (x << (64n - by))) & MASK;
const shiftMix = (x: bigint): bigint => x ^ (x >> 47n);

function hash16(u: bigint, v: bigint, m: bigint): bigint {
  const a = shiftMix(mul(u ^ v, m));
  return mul(shiftMix(mul(v ^ a, m)), m);
}

class Words {
  private readonly view: DataView;
  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  at64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }
  at32(offset: number): bigint {
    return BigInt(this.view.getUint32(offset, true));
  }
  at8(offset: number): bigint {
    return BigInt(this.view.getUint8(offset));
  }
}

function upTo16(w: Words, n: number): bigint {
  const length = BigInt(n);
  if (n >= 8) {
    const m = add(K2, length * 2n);
    const a = add(w.at64(0), K2);
    const b = w.at64(n - 8);
    const c = add(mul(rotate(b, 37n), m), a);
    const d = mul(add(rotate(a, 25n), b), m);
    return hash16(c, d, m);
  }
  if (n >= 4) {
    const m = add(K2, length * 2n);
    return hash16(add(length, w.at32(0) << 3n), w.at32(n - 4), m);
  }
  if (n > 0) {
    const y = w.at8(0) + (w.at8(n >> 1) << 8n);
    const z = length + (w.at8(n - 1) << 2n);
    return mul(shiftMix(mul(y, K2) ^ mul(z, K0)), K2);
  }
  return K2;
}

function upTo32(w: Words, n: number): bigint {
  const m = add(K2, BigInt(n) * 2n);
  const a = mul(w.at64(0), K1);
  const b = w.at64(8);
  const c = mul(w.at64(n - 8), m);
  const d = mul(w.at64(n - 16), K2);
  return hash16(add(rotate(add(a, b), 43n), rotate(c, 30n), d), add(a, rotate(add(b, K2), 18n), c), m);
}

function upTo64(w: Words, n: number): bigint {
  const m = add(K2, BigInt(n) * 2n);
  const a = mul(w.at64(0), K2);
  const b = w.at64(8);
  const c = mul(w.at64(n - 8), m);
  const d = mul(w.at64(n - 16), K2);
  const y = add(rotate(add(a, b), 43n), rotate(c, 30n), d);
  const z = hash16(y, add(a, rotate(add(b, K2), 18n), c), m);
  const e = mul(w.at64(16), m);
  const f = w.at64(24);
  const g = mul(add(y, w.at64(n - 32)), m);
  const h = mul(add(z, w.at64(n - 24)), m);
  return hash16(add(rotate(add(e, f), 43n), rotate(g, 30n), h), add(e, rotate(add(f, a), 18n), g), m);
}

type Pair = readonly [bigint, bigint];

function weak(w: Words, at: number, seedA: bigint, seedB: bigint): Pair {
  const z = w.at64(at + 24);
  const a = add(seedA, w.at64(at));
  const b = rotate(add(seedB, a, z), 21n);
  const sum = add(a, w.at64(at + 8), w.at64(at + 16));
  return [add(sum, z), add(b, rotate(sum, 44n), a)];
}

interface State {
  x: bigint;
  y: bigint;
  z: bigint;
  v: Pair;
  w: Pair;
}

/** One round over 64 bytes; the last round differs in its multiplier and in two factors of 9. */
function round(s: State, words: Words, at: number, m: bigint, factor: bigint): void {
  s.x = mul(rotate(add(s.x, s.y, s.v[0], words.at64(at + 8)), 37n), m);
  s.y = mul(rotate(add(s.y, s.v[1], words.at64(at + 48)), 42n), m);
  s.x ^= mul(s.w[1], factor);
  s.y = add(s.y, mul(s.v[0], factor), words.at64(at + 40));
  s.z = mul(rotate(add(s.z, s.w[0]), 33n), m);
  s.v = weak(words, at, mul(s.v[1], m), add(s.x, s.w[0]));
  s.w = weak(words, at + 32, add(s.z, s.w[1]), add(s.y, words.at64(at + 16)));
  [s.z, s.x] = [s.x, s.z];
}

function long(words: Words, n: number): bigint {
  const y = add(mul(SEED, K1), 113n);
  const z = mul(shiftMix(add(mul(y, K2), 113n)), K2);
  const s: State = { x: add(mul(SEED, K2), words.at64(0)), y, z, v: [0n, 0n], w: [0n, 0n] };
  const rest = (n - 1) & 63;
  const end = Math.floor((n - 1) / 64) * 64;
  for (let at = 0; at < end; at += 64) round(s, words, at, K1, 1n);
  const m = add(K1, (s.z & 0xffn) << 1n);
  const w0 = add(s.w[0], BigInt(rest));
  const v0 = add(s.v[0], w0);
  s.v = [v0, s.v[1]];
  s.w = [add(w0, v0), s.w[1]];
  round(s, words, end + rest - 63, m, 9n);
  return hash16(add(hash16(s.v[0], s.w[0], m), mul(shiftMix(s.y), K0), s.z), add(hash16(s.v[1], s.w[1], m), s.x), m);
}

/** An unsigned 64-bit number. */
export function farmFingerprint64(bytes: Uint8Array): bigint {
  const words = new Words(bytes);
  const n = bytes.length;
  if (n <= 16) return upTo16(words, n);
  if (n <= 32) return upTo32(words, n);
  return n <= 64 ? upTo64(words, n) : long(words, n);
}
