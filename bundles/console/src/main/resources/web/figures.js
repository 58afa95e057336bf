// Figures that modules show: curves, dots, heat maps, pictures, tables in tiles; clouds go to the scene.
import { LinePlot, PALETTE, css, element } from './plots.js';

const number = (v) => (v == null ? '–' : Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(+v.toPrecision(4)));
const make = (name, properties = {}, ...children) => {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
};

/** Name of the i-th line in its colour. */
const key = (name, i) => {
  const e = make('span', { className: 'key', textContent: name });
  e.style.setProperty('--c', PALETTE[i % PALETTE.length]);
  return e;
};

/** Group of a figure: what is before the slash of its title, under its heading. */
const split = ({ heading, title }) => {
  const slash = title.indexOf('/');
  return slash < 0 ? { group: heading, name: title } : { group: `${heading}: ${title.slice(0, slash)}`, name: title.slice(slash + 1) };
};

export class Figures {
  /** `cloud(name, buffer or null)` draws into the scene. */
  constructor({ tiles, select, note, logScale, cloud }) {
    Object.assign(this, { tiles, select, note, logScale, cloud });
    this.empty = tiles.firstElementChild;
    this.entries = [];
    this.shown = new Map();
    select.onchange = () => { this.chosen = select.value; this.list(this.entries); };
    logScale.querySelector('input').onchange = () => this.shown.forEach((tile) => tile.kind === 'Curves' && tile.draw?.());
  }

  /** Numbers of figures start anew with each start of the runtime. */
  forget() {
    this.shown.forEach((tile) => tile.close());
    this.shown.clear();
  }

  list(entries) {
    this.entries = entries;
    const groups = [...new Set(entries.map((e) => split(e).group))];
    if ([...this.select.options].map((o) => o.value).join('\n') !== groups.join('\n')) {
      this.select.replaceChildren(...groups.map((g) => new Option(g)));
      this.select.value = groups.includes(this.chosen) ? this.chosen : groups.at(-1) ?? '';
    }
    this.select.hidden = !groups.length;
    const mine = entries.filter((e) => split(e).group === this.select.value);
    this.note.textContent = mine.length || '';
    this.logScale.hidden = !mine.some((e) => e.kind === 'Curves');
    for (const [id, tile] of this.shown) {
      if (!mine.some((e) => e.id === id && e.kind === tile.kind)) {
        tile.close();
        this.shown.delete(id);
      }
    }
    for (const e of mine) {
      if (!this.shown.has(e.id)) this.shown.set(e.id, new Tile(e, this));
      this.shown.get(e.id).revision = e.revision;
    }
    this.tiles.replaceChildren(...(mine.length ? mine.map((e) => this.shown.get(e.id).element) : [this.empty]));
  }

  /** The changed figure that has waited longest, if one may be fetched now. */
  wanted(now) {
    return [...this.shown.values()].filter((t) => t.revision !== t.drawn && t.due <= now).sort((a, b) => a.due - b.due)[0];
  }
}

class Tile {
  constructor({ id, kind, title, heading }, figures) {
    this.id = id;
    this.kind = kind;
    this.figures = figures;
    this.drawn = -1;
    this.due = 0;
    this.name = split({ title, heading }).name;
    this.head = make('h3', {}, this.name);
    this.body = make('div', { className: 'drawn' });
    this.element = make('div', { className: 'tile' }, this.head, this.body);
    this.element.dataset.kind = kind;
    this.cloudName = `figure ${id}`;
  }

  /** Fetches and draws the newest revision. */
  async update(signal) {
    this.due = performance.now() + 400;
    const revision = this.revision;
    const response = await fetch(`figures/${this.id}.json`, { signal });
    if (!response.ok) return;
    this.data = await response.json();
    if (this.kind === 'PointCloud') {
      const cloud = await fetch(`figures/${this.id}.bin`, { signal });
      if (cloud.ok && !this.closed) this.figures.cloud(this.cloudName, await cloud.arrayBuffer());
    }
    this.drawn = revision;
    this[this.kind]?.(this.data);
  }

  close() {
    this.closed = true;
    this.plot?.destroy();
    this.observer?.disconnect();
    if (this.kind === 'PointCloud') this.figures.cloud(this.cloudName, null);
  }

  #notes(...spans) { this.head.replaceChildren(this.name, ...spans); }

  Curves({ series, x, y }) {
    this.#notes(...series.map((s, i) => key(`${s.name} ${number(s.last)}`, i)), make('span', { textContent: [y, x].filter(Boolean).join(' over ') }));
    this.draw = () => {
      this.plot ??= new LinePlot(this.body);
      this.plot.show(series, this.figures.logScale.querySelector('input').checked);
    };
    this.draw();
  }

  Scatter({ x, y, dots, total, lines }) {
    this.element.classList.add('wide');
    this.body.classList.add('dots');
    this.readout ??= make('span');
    const about = `${dots.length < total ? `${dots.length} of ${total}: ` : ''}${y} over ${x}`;
    this.readout.textContent = about;
    this.#notes(...lines.map((l, i) => key(l.name, i)), this.readout);
    this.body.onpointerover = (e) => { this.readout.textContent = e.target.querySelector?.(':scope > title')?.textContent ?? about; };
    this.draw = () => scatter(this.body, this.data);
    if (!this.observer) {
      this.observer = new ResizeObserver(() => this.draw());
      this.observer.observe(this.body);
    }
    this.draw();
  }

  HeatMap(h) {
    this.body.classList.add('map');
    this.canvas ??= this.body.appendChild(make('canvas', { role: 'img' }));
    this.canvas.ariaLabel = `${h.label}: ${h.rows.length} rows by ${h.columns.length} columns from ${number(h.low)} to ${number(h.high)}`;
    this.readout ??= make('span');
    this.#notes(this.readout);
    this.readout.textContent = h.label;
    this.draw = () => { this.place = heatMap(this.canvas, h); };
    if (!this.observer) {
      this.observer = new ResizeObserver(() => this.draw());
      this.observer.observe(this.body);
      this.canvas.onpointermove = (e) => {
        const at = this.place?.(e.offsetX, e.offsetY);
        const d = this.data;
        this.readout.textContent = at ? `${d.rows[at.row]}, ${d.columns[at.column]}: ${number(d.values[at.row * d.columns.length + at.column])}` : d.label;
      };
      this.canvas.onpointerleave = () => { this.readout.textContent = this.data.label; };
    }
    this.draw();
  }

  Pictures({ columns, total, pictures }) {
    this.element.classList.add('wide');
    this.body.classList.add('free');
    this.#notes(make('span', { textContent: total > pictures.length ? `${pictures.length} of ${total}` : '' }));
    const grid = make('div', { className: 'pictures' });
    grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${Math.max(...pictures.map((p) => Math.max(p.width, 96)), 0)}px))`;
    pictures.forEach((p, i) => {
      const image = make('img', { src: `figures/${this.id}/${i}.png?${this.drawn}`, alt: p.caption, width: p.width, height: p.height, loading: 'lazy' });
      if (p.width < 96) image.className = 'small';
      grid.append(make('div', { title: p.caption }, image, p.caption));
    });
    this.body.replaceChildren(grid);
  }

  PointCloud({ points, extent }) {
    this.body.classList.add('free');
    this.#notes(make('span', { textContent: `${points.toLocaleString('en')} points, drawn in the scene` }));
    this.body.textContent = extent.map(([a, b], i) => `${'xyz'[i]} ${number(a)} to ${number(b)} m`).join(',  ');
  }

  Table({ columns, rows, total }) {
    this.element.classList.add('wide');
    this.body.classList.add('free');
    this.#notes(make('span', { textContent: total > rows.length ? `${rows.length} of ${total} rows` : '' }));
    const numeric = columns.map((_, c) => rows.length > 0 && rows.every((r) => r[c] === '' || Number.isFinite(Number(r[c]))));
    const cell = (name) => (text, c) => make(name, { textContent: text, className: numeric[c] ? 'num' : '' });
    this.body.replaceChildren(make('table', {},
      make('thead', {}, make('tr', {}, ...columns.map(cell('th')))),
      make('tbody', {}, ...rows.map((r) => make('tr', {}, ...r.map(cell('td')))))));
  }
}

/** About five round numbers from low to high; on a logarithmic axis, whose ends are exponents, the powers of ten between them. */
function ticks(low, high, logarithmic) {
  const rough = (high - low) / 5;
  const power = logarithmic ? 1 : 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= rough || k === 10);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/** Lines, and dots on them whose name is their title. */
export function scatter(host, { x, y, logarithmic, dots, lines }) {
  const w = host.clientWidth;
  const h = host.clientHeight;
  if (!w || !h) return;
  const [left, right, top, bottom] = [48, 14, 8, 18];
  // On a logarithmic axis there is no place for what is not positive.
  const place = (a, b) => (a == null || b == null || (logarithmic && !(a > 0 && b > 0)) ? [] : [logarithmic ? [Math.log10(a), Math.log10(b)] : [a, b]]);
  const bent = lines.map((l) => l.x.flatMap((a, i) => place(a, l.y[i])));
  const placed = dots.flatMap((d) => place(d.x, d.y).map((at) => ({ ...d, at })));
  const all = [...bent.flat(), ...placed.map((d) => d.at)];
  const ends = (axis) => {
    const values = all.map((at) => at[axis]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    if (logarithmic) return [Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1)];
    const more = (high - low) * 0.05 || 1;
    return [low - more, high + more];
  };
  const svg = element('svg', { viewBox: `0 0 ${w} ${h}`, role: 'img', 'aria-label': `${placed.length} dots: ${y} over ${x}` });
  if (all.length) {
    const [x0, x1] = ends(0);
    const [y0, y1] = ends(1);
    const across = (v) => left + ((v - x0) / (x1 - x0)) * (w - left - right);
    const up = (v) => h - bottom - ((v - y0) / (y1 - y0)) * (h - top - bottom);
    const text = (v) => number(logarithmic ? 10 ** v : v);
    for (const v of ticks(x0, x1, logarithmic)) {
      svg.append(element('line', { x1: across(v), x2: across(v), y1: top, y2: h - bottom }), element('text', { x: across(v), y: h - 5, 'text-anchor': 'middle' }, text(v)));
    }
    for (const v of ticks(y0, y1, logarithmic)) {
      svg.append(element('line', { x1: left, x2: w - right, y1: up(v), y2: up(v) }), element('text', { x: left - 6, y: up(v) + 3, 'text-anchor': 'end' }, text(v)));
    }
    bent.forEach((line, i) => svg.append(element('polyline', { points: line.map(([a, b]) => `${across(a)},${up(b)}`).join(' '), stroke: PALETTE[i % PALETTE.length] })));
    const largest = Math.max(...placed.map((d) => d.area)) || 1;
    for (const d of placed) {
      const dot = element('circle', { cx: across(d.at[0]), cy: up(d.at[1]), r: 3 + 15 * Math.sqrt(d.area / largest) });
      dot.append(element('title', {}, d.name));
      svg.append(dot);
    }
  }
  host.replaceChildren(svg);
}

// Viridis for one-sided scales; blue, ground, red where zero lies within.
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]];
const diverging = () => (document.documentElement.dataset.theme === 'dark'
  ? [[107, 164, 224], [45, 78, 115], [30, 35, 40], [122, 50, 46], [239, 112, 103]]
  : [[33, 88, 153], [150, 186, 222], [246, 247, 248], [229, 160, 150], [166, 30, 24]]);
function colour(scale, t) {
  const x = Math.min(1, Math.max(0, t)) * (scale.length - 1);
  const i = Math.min(scale.length - 2, Math.floor(x));
  return scale[i].map((c, k) => Math.round(c + (scale[i + 1][k] - c) * (x - i)));
}

/** Cells, names as far as there is room, a scale at the right; gives the function from a place on the canvas to its cell. */
function heatMap(canvas, { rows, columns, values, low, high }) {
  const w = canvas.clientWidth;
  const h = canvas.clientHeight;
  if (!w || !h || !rows.length || !columns.length) return undefined;
  const ratio = devicePixelRatio;
  canvas.width = w * ratio;
  canvas.height = h * ratio;
  const g = canvas.getContext('2d');
  g.scale(ratio, ratio);
  g.font = '10px Inter, system-ui, sans-serif';
  const zero = low < 0 && high > 0;
  const [from, to] = zero ? [-Math.max(-low, high), Math.max(-low, high)] : [low, high];
  const scale = zero ? diverging() : VIRIDIS;
  const widest = (names) => Math.min(90, Math.max(...names.map((n) => g.measureText(n).width)));
  const left = widest(rows) + 8;
  const [top, right] = [2, 46];
  const bottom = 16;
  const cell = Math.min((w - left - right) / columns.length, ((h - top - bottom) / rows.length) * 3);
  const across = cell * columns.length;
  const down = h - top - bottom;
  const image = new ImageData(columns.length, rows.length);
  values.forEach((v, i) => image.data.set(v == null ? [0, 0, 0, 0] : [...colour(scale, (v - from) / (to - from)), 255], 4 * i));
  const small = new OffscreenCanvas(columns.length, rows.length);
  small.getContext('2d').putImageData(image, 0, 0);
  g.imageSmoothingEnabled = false;
  g.drawImage(small, left, top, across, down);
  g.fillStyle = css('--muted');
  g.textBaseline = 'middle';
  g.textAlign = 'right';
  const everyRow = Math.ceil((11 * rows.length) / down);
  rows.forEach((n, i) => { if (i % everyRow === 0) g.fillText(n, left - 5, top + ((i + 0.5) * down) / rows.length, left - 6); });
  g.textAlign = 'center';
  const everyColumn = Math.ceil(((widest(columns) + 6) * columns.length) / across);
  columns.forEach((n, i) => { if (i % everyColumn === 0) g.fillText(n, left + (i + 0.5) * cell, h - 7); });
  const x = left + across + 8;
  for (let i = 0; i < down; i++) {
    g.fillStyle = `rgb(${colour(scale, 1 - i / down)})`;
    g.fillRect(x, top + i, 7, 1.5);
  }
  g.fillStyle = css('--muted');
  g.textAlign = 'left';
  g.fillText(number(to), x + 10, top + 6);
  g.fillText(number(from), x + 10, top + down - 5);
  return (px, py) => {
    const column = Math.floor((px - left) / cell);
    const row = Math.floor(((py - top) * rows.length) / down);
    return column >= 0 && column < columns.length && row >= 0 && row < rows.length ? { row, column } : undefined;
  };
}
