/** Curves as an SVG: lines over a common horizontal axis, either axis logarithmic if asked for. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly logX?: boolean;
  readonly logY?: boolean;
  readonly lines: readonly Line[];
}

const WIDTH = 720;
const HEIGHT = 320;
const LEFT = 70;
const BOTTOM = 45;
const TOP = 35;
const COLOURS = ['#c0392b', '#2471a3', '#1e8449', '#b9770e', '#6c3483', '#555555'];

function ticksOf(low: number, high: number, log: boolean): number[] {
  if (log) {
    const from = Math.floor(Math.log10(low));
    return Array.from({ length: Math.ceil(Math.log10(high)) - from + 1 }, (_, i) => 10 ** (from + i)).filter((tick) => tick >= low && tick <= high);
  }
  const step = 10 ** Math.floor(Math.log10((high - low) / 4 || 1));
  const wide = (high - low) / step > 10 ? step * 2.5 : step;
  return Array.from({ length: Math.floor((high - low) / wide) + 1 }, (_, i) => low + i * wide);
}

const short = (n: number): string => (n >= 1e6 ? `${String(n / 1e6)} M` : n >= 1e4 ? `${String(n / 1e3)} k` : String(Math.round(n * 100) / 100));

function draw({ title, x, y, logX = false, logY = false, lines }: Chart, top: number): string {
  const all = lines.flatMap((line) => line.points).filter(([, value]) => !logY || value > 0);
  const xs = all.map(([value]) => value);
  const ys = all.map(([, value]) => value);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), logY ? Math.min(...ys) : 0, Math.max(...ys, 1e-9)];
  const scale = (value: number, low: number, high: number, log: boolean): number => {
    const position = log ? (n: number): number => Math.log10(n) : (n: number): number => n;
    return high === low ? 0.5 : (position(value) - position(low)) / (position(high) - position(low));
  };
  const px = (value: number): string => (LEFT + scale(value, x0, x1, logX) * (WIDTH - LEFT - 150)).toFixed(1);
  const py = (value: number): string => (top + TOP + (1 - scale(value, y0, y1, logY)) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const out = [`<text x="${String(LEFT)}" y="${String(top + 18)}" font-weight="bold">${title}</text>`];
  for (const tick of ticksOf(x0, x1, logX)) out.push(`<text x="${px(tick)}" y="${String(top + HEIGHT - BOTTOM + 16)}" text-anchor="middle">${short(tick)}</text>`);
  for (const tick of ticksOf(y0, y1, logY)) {
    out.push(`<line x1="${String(LEFT)}" x2="${String(WIDTH - 150)}" y1="${py(tick)}" y2="${py(tick)}" stroke="#ddd"/><text x="${String(LEFT - 6)}" y="${py(tick)}" text-anchor="end" dominant-baseline="middle">${short(tick)}</text>`);
  }
  out.push(`<text x="${String((WIDTH - 80) / 2)}" y="${String(top + HEIGHT - 8)}" text-anchor="middle">${x}</text><text x="4" y="${String(top + 18)}">${y}</text>`);
  lines.forEach(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length] ?? '#000';
    const path = points.filter(([, value]) => !logY || value > 0).map(([a, b], at) => `${at === 0 ? 'M' : 'L'}${px(a)} ${py(b)}`).join('');
    out.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/><text x="${String(WIDTH - 142)}" y="${String(top + TOP + 14 * (i + 1))}" fill="${colour}">${name}</text>`);
  });
  return out.join('\n');
}

/** The charts one below the other. */
export function writeCharts(file: string, charts: readonly Chart[]): void {
  const body = charts.map((chart, i) => draw(chart, i * HEIGHT)).join('\n');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${String(HEIGHT * charts.length)}" font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>\n${body}\n</svg>\n`);
  process.stdout.write(`Picture in ${file}\n`);
}
