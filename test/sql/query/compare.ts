/** Comparison of results with the conformance corpus, by the rules of its README. */
export interface CorpusType {
  readonly code?: string;
  readonly unordered?: boolean;
  readonly arrayElementType?: CorpusType | null;
  readonly structType?: { readonly fields: readonly { readonly name?: string; readonly type: CorpusType }[] };
}
export interface CorpusRows {
  readonly columns: readonly { readonly name: string; readonly type: CorpusType }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly ordered?: boolean;
  readonly valueTable?: boolean;
}

const UNKNOWN: CorpusType = {};

export function sameValue(want: unknown, got: unknown, type: CorpusType): boolean {
  if (want === null || got === null) return want === got;
  switch (type.code) {
    case 'FLOAT64':
    case 'FLOAT32':
      return sameFloat(Number(want), Number(got), type.code === 'FLOAT64' ? 4e-15 : 2e-6);
    case 'NUMERIC':
      return decimal(String(want)) === decimal(String(got));
    case 'TIMESTAMP':
      return instant(String(want)) === instant(String(got));
    case 'INTERVAL':
      return interval(String(want)) === interval(String(got));
    case 'JSON':
      return canonicalJson(JSON.parse(String(want))) === canonicalJson(JSON.parse(String(got)));
    case 'ARRAY': {
      if (!Array.isArray(got) || !Array.isArray(want) || got.length !== want.length) return false;
      const same = (a: unknown, b: unknown): boolean => sameValue(a, b, type.arrayElementType ?? UNKNOWN);
      return type.unordered === true ? sameMultiset(want, got, same) : want.every((v, i) => same(v, got[i]));
    }
    case 'STRUCT':
      return Array.isArray(got) && Array.isArray(want) && got.length === want.length && want.every((v, i) => sameValue(v, got[i], type.structType?.fields[i]?.type ?? UNKNOWN));
    default:
      return want === got;
  }
}

function sameFloat(a: number, b: number, tolerance: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (!Number.isFinite(a) || !Number.isFinite(b)) return a === b;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b), 1);
}

function decimal(text: string): string {
  const match = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = ''] = match;
  return (whole === '' && fraction === '' ? '' : sign) + (whole === '' ? '0' : whole) + (fraction === '' ? '' : `.${fraction}`);
}

const instant = (text: string): string => text.replace(/(?:\.(\d*?)0*)?Z$/, (_, f: string | undefined) => `${f === undefined || f === '' ? '' : `.${f}`}Z`);

/** The ISO 8601 form as `Y-M D H:M:S`. */
function interval(text: string): string {
  const m = /^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d+))?S)?)?$/.exec(text);
  if (m === null) return text;
  const months = Number(m[1] ?? 0) * 12 + Number(m[2] ?? 0);
  const seconds = BigInt(m[7] ?? 0) * 1_000_000_000n + BigInt((m[8] ?? '').padEnd(9, '0'));
  const nanos = (BigInt(m[4] ?? 0) * 3600n + BigInt(m[5] ?? 0) * 60n) * 1_000_000_000n + (m[6] === '-' ? -seconds : seconds);
  const size = nanos < 0n ? -nanos : nanos;
  const s = size / 1_000_000_000n;
  const f = size % 1_000_000_000n;
  const digits = f % 1_000_000n === 0n ? String(f / 1_000_000n).padStart(3, '0') : f % 1000n === 0n ? String(f / 1000n).padStart(6, '0') : String(f).padStart(9, '0');
  return `${months < 0 ? '-' : ''}${Math.trunc(Math.abs(months) / 12)}-${Math.abs(months) % 12} ${m[3] ?? 0} ${nanos < 0n ? '-' : ''}${s / 3600n}:${(s / 60n) % 60n}:${s % 60n}${f === 0n ? '' : `.${digits}`}`;
}

function canonicalJson(v: unknown): string {
  if (v === null || typeof v !== 'object') return JSON.stringify(v);
  if (Array.isArray(v)) return `[${v.map(canonicalJson).join(',')}]`;
  return `{${Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, x]) => `${JSON.stringify(k)}:${canonicalJson(x)}`).join(',')}}`;
}

export function sameMultiset(want: readonly unknown[], got: readonly unknown[], same: (a: unknown, b: unknown) => boolean): boolean {
  if (want.length !== got.length) return false;
  const left = [...got];
  return want.every((w) => {
    const i = left.findIndex((g) => same(w, g));
    if (i < 0) return false;
    left.splice(i, 1);
    return true;
  });
}

function sameType(want: CorpusType | null | undefined, got: CorpusType | undefined): boolean {
  if (want?.code === undefined || want.code === 'TYPE_CODE_UNSPECIFIED') return true;
  if (want.code !== got?.code) return false;
  if (want.code === 'ARRAY') return want.arrayElementType === null || sameType(want.arrayElementType, got.arrayElementType ?? undefined);
  if (want.code !== 'STRUCT') return true;
  const fields = got.structType?.fields ?? [];
  return want.structType?.fields.length === fields.length && want.structType.fields.every((f, i) => (f.name ?? '') === (fields[i]?.name ?? '') && sameType(f.type, fields[i]?.type));
}

/** What differs, or undefined. */
export function difference(want: CorpusRows, got: { readonly columns: readonly { readonly name: string; readonly type: CorpusType }[]; readonly rows: readonly (readonly unknown[])[] }): string | undefined {
  if (got.columns.length !== want.columns.length) return `columns: want ${want.columns.length}, got ${got.columns.length}`;
  for (const [i, c] of want.columns.entries()) {
    if (want.valueTable !== true && c.name !== got.columns[i]?.name) return `column ${i}: want name ${JSON.stringify(c.name)}, got ${JSON.stringify(got.columns[i]?.name)}`;
    if (!sameType(c.type, got.columns[i]?.type)) return `column ${i}: want type ${JSON.stringify(c.type)}, got ${JSON.stringify(got.columns[i]?.type)}`;
  }
  const same = (a: unknown, b: unknown): boolean => Array.isArray(a) && Array.isArray(b) && a.every((v, i) => sameValue(v, b[i], want.columns[i]?.type ?? UNKNOWN));
  const equal = want.ordered === true ? want.rows.length === got.rows.length && want.rows.every((r, i) => same(r, got.rows[i])) : sameMultiset(want.rows, got.rows, same);
  return equal ? undefined : `rows: want ${JSON.stringify(want.rows).slice(0, 400)}, got ${JSON.stringify(got.rows).slice(0, 400)}`;
}
