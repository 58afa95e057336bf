// The plots: joints and chunk age over time (uPlot), lateness as a histogram (SVG).
import uPlot from './vendor/uPlot.esm.js';

export const PALETTE = ['#4c86c6', '#c9803a', '#4f9d69', '#b5608f', '#8a79c9', '#3f9ea3', '#a08a3c', '#c0605a', '#6f7f90', '#7aa33f'];

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const FONT = '10.5px Inter, system-ui, sans-serif';

const axis = (more) => ({
  stroke: () => css('--muted'), font: FONT, grid: { stroke: () => css('--grid'), width: 1 }, ticks: { show: false }, ...more,
});

/** A uPlot that fills its element and follows its size. */
class Plot {
  constructor(element, series, { range, y, unit = '', log = false, x, splits, focus } = {}) {
    this.element = element;
    this.plot = new uPlot({
      width: 100, height: 100, legend: { show: false }, padding: [6, 16, 0, 0],
      cursor: { drag: { x: false, y: false }, points: { size: 5 }, focus: { prox: focus ? 24 : -1 } }, focus: { alpha: 1 },
      hooks: focus ? { setSeries: [focus], setCursor: [(u) => focus(u, u.cursor.idx == null ? null : u.focused)] } : {},
      scales: { x: { time: false, range: range ?? undefined }, y: log ? { distr: 3 } : { range: y ?? undefined } },
      axes: [axis({ size: 22, space: 60, splits, values: x ?? ((u, v) => v.map((n) => +n.toFixed(1) + unit)) }),
        axis({ size: 46, space: 26, ...(log ? { values: (u, v) => v.map((n) => (n == null ? '' : Math.abs(Math.log10(n) % 1) < 1e-9 ? n.toExponential(0).replace('e+', 'e') : '')) } : {}) })],
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

/** Long rows of like names get short ones: joint1 is j1. */
const short = (name) => name.replace(/^.*?joint_?(\d+)$/i, 'j$1');

/** Measured and commanded positions of every joint over the last seconds, or what lies between them. */
export class JointPlot {
  constructor(element, list, note) {
    Object.assign(this, { element, list, note });
    this.legend = [...note.childNodes];
    this.span = 10;
    this.error = false;
    this.rows = [];
    this.joints = [];
    this.hidden = new Set();
  }

  build(joints) {
    this.joints = joints;
    this.hidden = new Set();
    this.rows = [];
    this.list.replaceChildren(...joints.map((name, j) => {
      const button = document.createElement('button');
      button.textContent = short(name);
      button.title = name + ': show or hide; double click: only this one';
      button.style.setProperty('--c', PALETTE[j % PALETTE.length]);
      button.ariaPressed = 'true';
      button.onclick = () => { this.hidden.has(j) ? this.hidden.delete(j) : this.hidden.add(j); this.#show(); };
      button.ondblclick = () => { this.hidden = new Set(joints.map((_, i) => i).filter((i) => i !== j)); this.#show(); };
      return button;
    }));
    this.#plot();
  }

  /** Shows command minus measurement instead of both. */
  showError(error) {
    this.error = error;
    this.#plot();
    this.draw();
  }

  #plot() {
    this.plot?.destroy();
    this.plot = undefined;
    if (!this.joints.length) return;
    const end = () => (this.rows.length ? this.rows.at(-1)[0] : 0);
    const series = this.joints.flatMap((_, j) => {
      const line = { stroke: PALETTE[j % PALETTE.length], points: { show: false } };
      return [{ ...line, width: 1.5 }, { ...line, width: 1, dash: [4, 3] }];
    });
    this.plot = new Plot(this.element, series, { range: () => [end() - this.span, end()], unit: ' s', focus: (u, i) => this.#read(u, i) });
    this.#show();
  }

  /** The line under the pointer, in the place of the legend. */
  #read(u, i) {
    const at = u.cursor.idx;
    const value = i > 0 && at != null ? u.data[i]?.[at] : null;
    if (value == null) {
      if (this.reading) this.note.replaceChildren(...this.legend);
      this.reading = false;
      return;
    }
    this.reading = true;
    const j = Math.floor((i - 1) / 2);
    const what = this.error ? 'command − measured' : i % 2 ? 'measured' : 'command';
    this.note.textContent = `${this.joints[j]} ${what} ${value.toFixed(4)} at ${u.data[0][at].toFixed(2)} s`;
  }

  #show() {
    this.joints.forEach((_, j) => {
      const show = !this.hidden.has(j);
      this.list.children[j].ariaPressed = String(show);
      this.plot.plot.setSeries(2 * j + 1, { show });
      this.plot.plot.setSeries(2 * j + 2, { show: show && !this.error });
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
    for (let j = 0; j < n; j++) {
      data.push(rows.map((r) => (this.error ? r[2 + n + j] - r[2 + j] : r[2 + j])), rows.map((r) => r[2 + n + j]));
    }
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
    ], { y: (u, lo, hi) => [0, Math.max(1, hi * 1.15)], range: () => [this.now() - 120, this.now()],
      splits: () => [-120, -90, -60, -30, 0].map((t) => t + this.now()), x: () => ['', '−90 s', '−60 s', '−30 s', 'now'] });
  }

  now() { return Math.round(performance.now() / 250) / 4; }

  add(p50, p99) {
    this.data[0].push(this.now());
    this.data[1].push(p50);
    this.data[2].push(p99);
    if (this.data[0].length > 480) this.data.forEach((d) => d.shift());
    if (!document.hidden) this.plot.plot.setData(this.data);
  }
}

/** Lines with x values of their own. */
export class LinePlot {
  constructor(element) { this.element = element; }

  show(series, log) {
    const key = log + series.map((s) => s.name).join('\n');
    if (key !== this.key) {
      this.plot?.destroy();
      this.key = key;
      this.plot = new Plot(this.element, series.map((s, i) => ({ stroke: PALETTE[i % PALETTE.length], width: 1.5, spanGaps: true, points: { show: false } })), { log });
    }
    if (!series.length) return;
    // On a logarithmic axis there is no place for what is not positive.
    const y = (s) => (log ? s.y.map((v) => (v > 0 ? v : null)) : s.y);
    this.plot.plot.setData(uPlot.join(series.map((s) => [s.x, y(s)]), series.map(() => [1])));
  }

  destroy() { this.plot?.destroy(); }
}

const SVG = 'http://www.w3.org/2000/svg';
export const element = (name, attributes, text) => {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
};
const micro = (us) => (us >= 1e6 ? us / 1e6 + ' s' : us >= 1e3 ? +(us / 1e3).toPrecision(3) + ' ms' : +us.toPrecision(3) + ' µs');
const BARS_A_DECADE = 12;

/** Counts over lateness, both logarithmic; what is later than one period is red. */
export function histogram(host, counts, edges, periodUs) {
  const w = host.clientWidth;
  const h = host.clientHeight;
  const key = w + 'x' + h + counts.join() + periodUs;
  if (host.dataset.key === key || !w || !h) return;
  host.dataset.key = key;
  // Neighbouring buckets join to bars of one width; none of them crosses the period.
  const bars = [];
  counts.forEach((count, i) => {
    const low = i ? edges[i - 1] : edges[0] / 2;
    const high = i < counts.length - 1 ? edges[i] : low * 2;
    const bar = bars.at(-1);
    if (bar && Math.log10(high / bar.low) <= 1 / BARS_A_DECADE + 1e-9 && bar.low < periodUs === low < periodUs) Object.assign(bar, { high, count: bar.count + count });
    else bars.push({ low, high, count });
  });
  const some = bars.filter((b) => b.count);
  if (!some.length) { host.replaceChildren(); return; }
  const from = Math.log10(Math.min(some[0].low, periodUs / 100));
  const to = Math.log10(Math.max(some.at(-1).high, periodUs * 3));
  const [left, right, top, bottom] = [38, 12, 8, 20];
  const x = (us) => left + ((Math.log10(us) - from) / (to - from)) * (w - left - right);
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(...some.map((b) => b.count)) + 1)));
  const y = (c) => h - bottom - (c > 0 ? (Math.log10(c) + 0.25) / (decades + 0.25) : 0) * (h - top - bottom);
  const svg = element('svg', { viewBox: `0 0 ${w} ${h}`, role: 'img', 'aria-label': 'Ticks by lateness' });
  const every = Math.ceil(decades / Math.max(1, Math.floor((h - top - bottom) / 22)));
  for (let d = 0; d <= decades; d += every) {
    svg.append(element('line', { x1: left, x2: w - right, y1: y(10 ** d), y2: y(10 ** d) }));
    svg.append(element('text', { x: left - 6, y: y(10 ** d) + 3, 'text-anchor': 'end' }, d < 3 ? 10 ** d : '10' + [...String(d)].map((n) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[n]).join('')));
  }
  for (let d = Math.ceil(from); d <= to; d++) {
    svg.append(element('line', { x1: x(10 ** d), x2: x(10 ** d), y1: top, y2: h - bottom }));
    svg.append(element('text', { x: x(10 ** d), y: h - 6, 'text-anchor': 'middle' }, micro(10 ** d)));
  }
  for (const b of some) {
    const bar = element('rect', { x: x(b.low) + 0.5, width: Math.max(1, x(b.high) - x(b.low) - 1), y: y(b.count), height: h - bottom - y(b.count), class: b.low >= periodUs ? 'over' : '' });
    bar.append(element('title', {}, `${micro(b.low)} to ${micro(b.high)}: ${b.count.toLocaleString('en')} ticks`));
    svg.append(bar);
  }
  svg.append(element('line', { x1: x(periodUs), x2: x(periodUs), y1: top, y2: h - bottom, class: 'period' }),
    element('text', { x: x(periodUs) + 4, y: top + 9, class: 'period' }, 'one period'));
  host.replaceChildren(svg);
}
