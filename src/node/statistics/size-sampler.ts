/** Measures the tables of all databases at this node when it is time to. */
import { KeySpace } from '../../sql/rows/keyspace.ts';
import type { Catalog } from '../catalog.ts';
import type { NodeCore } from '../core.ts';
import { measureSizes } from './measure.ts';
import type { Statistics } from './statistics.ts';
import { SAMPLE_MICROS } from './table-sizes.ts';

/** Between two ranges. */
const PAUSE_MICROS = 2_000;

export class SizeSampler {
  private readonly core: NodeCore;
  private readonly catalog: Catalog;
  private readonly statistics: Statistics;
  private lastSample = -1;
  private running = false;

  constructor(core: NodeCore, catalog: Catalog, statistics: Statistics) {
    this.core = core;
    this.catalog = catalog;
    this.statistics = statistics;
  }

  /** Measures, unless it was done in these five minutes. */
  async sample(): Promise<void> {
    const now = this.core.env.clock.interval().latest;
    const sample = Math.floor(now / SAMPLE_MICROS);
    if (this.running || sample === this.lastSample) return;
    this.running = true;
    try {
      await this.catalog.learnAll();
      for (const database of this.catalog.known()) {
        const sizes = await measureSizes(this.core.engine, new KeySpace(database.schema(), database.prefix), () => this.pause());
        this.statistics.sizesOf(database.stored.number).add(now, sizes);
      }
      this.lastSample = sample;
    } finally {
      this.running = false;
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      this.core.env.scheduler.after(PAUSE_MICROS, resolve);
    });
  }
}
