/** At the gateway: what of a scan is sent to where the rows are, as a fragment. */
import { ByteWriter } from '../../base/bytes.ts';
import { compileExpr, NO_ROW, type Evaluate, type PlanScope } from '../execute/expressions.ts';
import type { Frame } from '../execute/runtime.ts';
import type { SqlType } from '../types/types.ts';
import type { KeyLayout } from '../rows/keyspace.ts';
import { encodeTemplate, type TemplateInput } from './template.ts';
import { writeValue, writeValues } from './values.ts';

/** It travels with every request of its scan: a larger one is not sent, and the work stays at the gateway. */
const MAX_FRAGMENT_BYTES = 64 * 1024;

/** What a scan sends: encoded at the first use, once, but for the values of the run. */
export class Pushed {
  private readonly input: TemplateInput;
  private readonly plan: PlanScope;
  private encoded: { readonly template: Uint8Array; readonly slots: readonly Evaluate[] } | undefined;

  constructor(input: TemplateInput, plan: PlanScope) {
    this.input = input;
    this.plan = plan;
  }

  /** The fragment of a run; undefined when it would be too large. */
  fragment(frame: Frame): Uint8Array | undefined {
    const known = frame.cells.get(this);
    if (known instanceof Uint8Array) return known;
    const { template, slots } = this.template();
    const out = new ByteWriter().bytes(template);
    writeValue(out, frame.context.currentTimestampNanos);
    out.string(frame.context.defaultTimeZone);
    writeValues(out, slots.map((slot) => slot(NO_ROW, frame)));
    if (out.size > MAX_FRAGMENT_BYTES) return undefined;
    const bytes = out.finish();
    frame.cells.set(this, bytes);
    return bytes;
  }

  private template(): NonNullable<Pushed['encoded']> {
    if (this.encoded === undefined) {
      const { bytes, slots } = encodeTemplate(this.input);
      this.encoded = { template: bytes, slots: slots.map((slot) => compileExpr(slot, { layout: new Map(), plan: this.plan })) };
    }
    return this.encoded;
  }
}

const WIDE: ReadonlySet<SqlType['kind']> = new Set(['STRING', 'BYTES', 'JSON', 'ARRAY', 'PROTO', 'TOKENLIST']);

/**
 * The cells of records that are wanted, or undefined when leaving out the others saves little: numbers are small, and
 * making a shorter record costs more than to copy them.
 */
export function cellsToKeep(layout: KeyLayout, wanted: ReadonlySet<number>): readonly number[] | undefined {
  if (!layout.stored.some(({ id, type }) => !wanted.has(id) && WIDE.has(type.kind))) return undefined;
  return layout.stored.map((c) => c.id).filter((id) => wanted.has(id)).sort((a, b) => a - b);
}
