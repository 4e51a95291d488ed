/** A CPU profile as a picture: each function as wide as the time in it and in what it called. One HTML file, no network. */
import type { Profile } from './profiles.ts';

export interface Frame {
  readonly name: string;
  readonly place: string;
  self: number;
  total: number;
  readonly children: Map<string, Frame>;
}

/** Frames thinner than this share of the whole are left out. */
const MIN_SHARE = 0.0005;
const ROW_PIXELS = 18;
const WIDTH = 1_400;

const newFrame = (name: string, place: string): Frame => ({ name, place, self: 0, total: 0, children: new Map() });

/** Times in microseconds, waiting left out. */
export function frames(profile: Profile): Frame {
  const root = newFrame('all', '');
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const times = new Map<number, number>();
  profile.samples?.forEach((id, i) => times.set(id, (times.get(id) ?? 0) + (profile.timeDeltas?.[i] ?? 0)));
  for (const [id, micros] of times) {
    const path: number[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) path.unshift(at);
    if (['(idle)', '(root)'].includes(nodes.get(id)?.callFrame.functionName ?? '')) continue;
    let frame = root;
    root.total += micros;
    for (const step of path.slice(1)) {
      const call = nodes.get(step)?.callFrame;
      const place = call === undefined || call.url === '' ? '' : `${call.url.replace(/^.*\/(dist|src|node_modules)\//, '$1/')}:${String(call.lineNumber + 1)}`;
      const name = call?.functionName === '' ? '(anonymous)' : (call?.functionName ?? '');
      const key = `${name} ${place}`;
      let child = frame.children.get(key);
      if (child === undefined) frame.children.set(key, (child = newFrame(name, place)));
      child.total += micros;
      frame = child;
    }
    frame.self += micros;
  }
  return root;
}

/** The functions that time is spent in themselves, most first, with their share. */
export function hottest(root: Frame, count: number): { name: string; place: string; share: number }[] {
  const selfs = new Map<string, { name: string; place: string; share: number }>();
  const visit = (frame: Frame): void => {
    const key = `${frame.name} ${frame.place}`;
    const known = selfs.get(key) ?? { name: frame.name, place: frame.place, share: 0 };
    known.share += frame.self / root.total;
    selfs.set(key, known);
    for (const child of frame.children.values()) visit(child);
  };
  visit(root);
  return [...selfs.values()].toSorted((a, b) => b.share - a.share).slice(0, count);
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function colour({ place }: Frame): string {
  if (place.startsWith('dist/') || place.startsWith('src/')) return '#e8a33d';
  if (place.startsWith('node_modules/')) return '#7fa7d6';
  return place.startsWith('node:') ? '#9cc08b' : '#c9c9c9';
}

export function flameHtml(title: string, root: Frame): string {
  const boxes: string[] = [];
  let depthMax = 0;
  const draw = (frame: Frame, left: number, depth: number): void => {
    const share = frame.total / root.total;
    if (share < MIN_SHARE) return;
    depthMax = Math.max(depthMax, depth);
    const label = `${frame.name} ${frame.place}, ${(share * 100).toFixed(1)} %, alone ${((frame.self / root.total) * 100).toFixed(1)} %`;
    const width = share * WIDTH;
    const text = width > 30 ? escaped(frame.name.slice(0, Math.floor(width / 7))) : '';
    boxes.push(`<g><title>${escaped(label)}</title><rect x="${left.toFixed(1)}" y="${String(depth * ROW_PIXELS)}" width="${width.toFixed(1)}" height="${String(ROW_PIXELS - 1)}" fill="${colour(frame)}"/><text x="${(left + 2).toFixed(1)}" y="${String(depth * ROW_PIXELS + 12)}">${text}</text></g>`);
    let at = left;
    for (const child of [...frame.children.values()].toSorted((a, b) => b.total - a.total)) {
      draw(child, at, depth + 1);
      at += (child.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const hot = hottest(root, 40).map(({ name, place, share }) => `<tr><td>${(share * 100).toFixed(1)} %</td><td>${escaped(name)}</td><td>${escaped(place)}</td></tr>`);
  return `<!doctype html><meta charset="utf-8"><title>${escaped(title)}</title>
<style>body{font:13px sans-serif}svg text{font:11px monospace;pointer-events:none}td{padding:0 1em 0 0}</style>
<h1>${escaped(title)}</h1><p>${(root.total / 1e6).toFixed(2)} s of processor time. Orange: Trestle; blue: packages; green: Node; grey: the engine. Hover for shares.</p>
<svg width="${String(WIDTH)}" height="${String((depthMax + 1) * ROW_PIXELS)}">${boxes.join('\n')}</svg>
<h2>Time in functions themselves</h2><table>${hot.join('\n')}</table>\n`;
}
