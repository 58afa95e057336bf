// The plots: joints and chunk age over time (uPlot), lateness as a histogram (SVG).
import uPlot from './vendor/uPlot.esm.js';

export const PALETTE = ['#4c86c6', '#c9803a', '#4f9d69', '#b5608f', '#8a79c9', '#3f9ea3', '#a08a3c', '#c0605a', '#6f7f90', '#7aa33f'];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const FONT = '10.5px Inter, system-ui, sans-serif';

const axis = (more) => ({
  stroke: () => css('--muted'), font: FONT, grid: { stroke: () => css('--grid'), width: 1 }, ticks: { show: false }, ...more,
});

/** A uPlot that fills its element and follows its size. */
class Plot {
  constructor(element, series, { range, y, unit = '' } = {}) {
    this.element = element;
    this.plot = new uPlot({
      width: 100, height: 100, legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { size: 5 } }, padding: [6, 12, 0, 0],
      scales: { x: { time: false, range: range ?? undefined }, y: { range: y ?? undefined } },
      axes: [axis({ size: 22, space: 60, values: (u, v) => v.map((x) => +x.toFixed(1) + unit) }), axis({ size: 44, space: 26 })],
      series: [{}, ...series],
    }, [[], ...series.map(() => [])], element);
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(element);
    this.#fit();
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width && height) this.plot.setSize({ width, height });
  }

  destroy() {
    this.observer.disconnect();
    this.plot.destroy();
  }
}

/** Measured and commanded positions of every joint over the last seconds. */
export class JointPlot {
  constructor(element, list) {
    this.element = element;
    this.list = list;
    this.span = 10;
    this.rows = [];
    this.joints = [];
    this.hidden = new Set();
  }

  build(joints) {
    this.joints = joints;
    this.plot?.destroy();
    this.plot = undefined;
    this.rows = [];
    this.list.replaceChildren();
    if (!joints.length) return;
    const series = [];
    joints.forEach((name, j) => {
      const stroke = PALETTE[j % PALETTE.length];
      series.push({ stroke, width: 1.5, points: { show: false } }, { stroke, width: 1, dash: [4, 3], points: { show: false } });
      const button = document.createElement('button');
      button.textContent = name;
      button.title = 'Show or hide; double click: only this one';
      button.style.setProperty('--c', stroke);
      button.ariaPressed = 'true';
      button.onclick = () => this.#toggle(j);
      button.ondblclick = () => this.#only(j);
      this.list.append(button);
    });
    const end = () => (this.rows.length ? this.rows.at(-1)[0] : 0);
    this.plot = new Plot(this.element, series, { range: () => [end() - this.span, end()], unit: ' s' });
  }

  #toggle(j) {
    this.hidden.has(j) ? this.hidden.delete(j) : this.hidden.add(j);
    this.#show();
  }

  #only(j) {
    this.hidden = new Set(this.joints.map((_, i) => i).filter((i) => i !== j));
    this.#show();
  }

  #show() {
    this.joints.forEach((_, j) => {
      const show = !this.hidden.has(j);
      this.list.children[j].ariaPressed = String(show);
      this.plot.plot.setSeries(2 * j + 1, { show });
      this.plot.plot.setSeries(2 * j + 2, { show });
    });
  }

  /** Rows are [time s, lateness us, position…, command…]. */
  add(rows, replace = false) {
    if (replace) this.rows = [];
    if (rows.length && this.rows.length && rows[0][0] < this.rows.at(-1)[0] - 1) this.rows = [];
    const last = this.rows.length ? this.rows.at(-1)[0] : -Infinity;
    this.rows.push(...rows.filter((r) => r[0] > last));
    const keep = 30 * 60;
    if (this.rows.length > keep) this.rows.splice(0, this.rows.length - keep);
    const now = performance.now();
    if (now - (this.drawn ?? 0) > 150) {
      this.drawn = now;
      this.draw();
    }
  }

  draw() {
    const n = this.joints.length;
    if (!this.plot || document.hidden) return;
    const from = this.rows.length ? this.rows.at(-1)[0] - this.span : 0;
    const rows = this.rows.filter((r) => r[0] >= from && r.length === 2 + 2 * n);
    const data = [rows.map((r) => r[0])];
    for (let j = 0; j < n; j++) data.push(rows.map((r) => r[2 + j]), rows.map((r) => r[2 + n + j]));
    this.plot.plot.setData(data);
  }
}

/** Percentiles of the chunks' age over the last minutes, sampled with the state. */
export class AgePlot {
  constructor(element) {
    this.data = [[], [], []];
    this.plot = new Plot(element, [
      { stroke: () => css('--accent'), width: 1.5, points: { show: false } },
      { stroke: () => css('--muted'), width: 1, dash: [4, 3], points: { show: false } },
    ], { y: (u, lo, hi) => [0, Math.max(1, hi * 1.15)], range: (u, lo, hi) => [Math.max(0, hi - 120), Math.max(hi, 30)], unit: ' s' });
    this.start = performance.now();
  }

  add(p50, p99) {
    this.data[0].push((performance.now() - this.start) / 1000);
    this.data[1].push(p50);
    this.data[2].push(p99);
    if (this.data[0].length > 480) this.data.forEach((d) => d.shift());
    if (!document.hidden) this.plot.plot.setData(this.data);
  }
}

/** Series of one training run over its steps. */
export class CurvePlot {
  constructor(element) { this.element = element; }

  show(series) {
    const names = Object.keys(series).filter((k) => k !== 'step');
    const key = names.join();
    if (key !== this.key) {
      this.plot?.destroy();
      this.key = key;
      this.plot = new Plot(this.element, names.map((_, i) => ({ stroke: PALETTE[i % PALETTE.length], width: 1.5, points: { show: false } })));
    }
    const y = names.map((k) => series[k]);
    const length = Math.max(0, ...y.map((v) => v.length));
    this.plot.plot.setData([series.step ?? Array.from({ length }, (_, i) => i), ...y]);
    return names.map((name, i) => ({ name, colour: PALETTE[i % PALETTE.length], value: y[i].at(-1) }));
  }
}

const SVG = 'http://www.w3.org/2000/svg';
const element = (name, attributes, text) => {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
};
const micro = (us) => (us >= 1e6 ? us / 1e6 + ' s' : us >= 1e3 ? us / 1e3 + ' ms' : +us.toPrecision(2) + ' µs');

/** Counts on a logarithmic scale, one bar a bucket; buckets beyond one period are red. */
export function histogram(host, counts, edges, periodUs) {
  const w = host.clientWidth;
  const h = host.clientHeight;
  const key = w + 'x' + h + counts.join() + periodUs;
  if (host.dataset.key === key || !w || !h) return;
  host.dataset.key = key;
  let first = counts.findIndex((c) => c > 0);
  if (first < 0) { host.replaceChildren(); return; }
  let last = counts.findLastIndex((c) => c > 0);
  const period = edges.findIndex((e) => e >= periodUs);
  first = Math.max(0, first - 1);
  last = Math.min(counts.length - 1, Math.max(last + 1, period < 0 ? 0 : period + 1));
  const n = last - first + 1;
  const [left, right, top, bottom] = [38, 12, 8, 20];
  const step = (w - left - right) / n;
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(...counts) + 1)));
  const y = (c) => h - bottom - (c > 0 ? (Math.log10(c) + 0.25) / (decades + 0.25) : 0) * (h - top - bottom);
  const svg = element('svg', { viewBox: `0 0 ${w} ${h}` });
  const every = Math.ceil(decades / Math.max(1, Math.floor((h - top - bottom) / 22)));
  for (let d = 0; d <= decades; d += every) {
    svg.append(element('line', { x1: left, x2: w - right, y1: y(10 ** d), y2: y(10 ** d) }));
    svg.append(element('text', { x: left - 6, y: y(10 ** d) + 3, 'text-anchor': 'end' }, d < 3 ? 10 ** d : '10' + [...String(d)].map((x) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[x]).join('')));
  }
  const label = Math.ceil(n / Math.max(1, Math.floor((w - left - right) / 56)));
  for (let i = first; i <= last; i++) {
    const x = left + (i - first) * step;
    const low = i ? edges[i - 1] : 0;
    const bar = element('rect', { x: x + 0.5, width: Math.max(1, step - 1), y: y(counts[i]), height: h - bottom - y(counts[i]), class: low >= periodUs ? 'over' : '' });
    bar.append(element('title', {}, `${micro(low)} to ${i < counts.length - 1 ? micro(edges[i]) : 'more'}: ${counts[i].toLocaleString('en')} ticks`));
    svg.append(bar);
    if ((i - first) % label === 0 && i < counts.length - 1) svg.append(element('text', { x: x + step, y: h - 6, 'text-anchor': 'middle' }, micro(edges[i])));
  }
  if (period >= first && period <= last) {
    const x = left + (period - first + 1) * step;
    const mark = element('line', { x1: x, x2: x, y1: top, y2: h - bottom, class: 'period' });
    svg.append(mark);
  }
  host.replaceChildren(svg);
}
