// The dashboard: one event stream in, a few POSTs out.
import { Scene } from './scene.js';
import { AgePlot, JointPlot, histogram } from './plots.js';
import { Figures } from './figures.js';

const $ = (id) => document.getElementById(id);
const root = document.documentElement;

// --- theme: the system's, unless chosen here
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const scene = startScene();
function theme() {
  const dark = (localStorage.theme ?? (systemDark.matches ? 'dark' : 'light')) === 'dark';
  root.dataset.theme = dark ? 'dark' : 'light';
  scene?.theme(dark);
  joints?.draw();
  figures?.shown.forEach((tile) => tile.draw?.());
}
function startScene() {
  try {
    return new Scene($('view'));
  } catch (e) {
    $('sim').textContent = 'no WebGL in this browser';
    return undefined;
  }
}
let joints;
let figures;
theme();
joints = new JointPlot($('joint-plot'), $('joint-list'), $('joint-note'));
const ages = new AgePlot($('age-plot'));
figures = new Figures({ tiles: $('tiles'), select: $('figure-group'), note: $('figure-note'), logScale: $('log-scale'), cloud: (name, buffer) => scene?.cloud(name, buffer) });
systemDark.addEventListener('change', theme);
$('theme').onclick = () => { localStorage.theme = root.dataset.theme === 'dark' ? 'light' : 'dark'; theme(); };

// --- token: in the page on the robot's own machine, else from the address (#token=…) or typed
let token = document.querySelector('meta[name="armature-token"]').content;
const given = /[#&]token=([^&]+)/.exec(location.hash);
if (given) {
  sessionStorage.token = decodeURIComponent(given[1]);
  history.replaceState(null, '', location.pathname);
}
token ||= sessionStorage.token ?? '';

function askToken() {
  return new Promise((done) => {
    const dialog = $('token-dialog');
    dialog.onclose = () => {
      token = sessionStorage.token = $('token').value.trim();
      done(token !== '');
    };
    dialog.showModal();
  });
}

let toastTimer;
function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $('toast').hidden = true; }, 6000);
}

/** After a restart of the runtime the page holds the token of the start before. */
async function renewToken() {
  const page = new DOMParser().parseFromString(await (await fetch('./')).text(), 'text/html');
  const fresh = page.querySelector('meta[name="armature-token"]').content;
  return fresh && fresh !== token ? ((token = fresh), true) : askToken();
}

async function post(path, body, type = 'application/json') {
  if (!token && !(await askToken())) return undefined;
  const send = () => fetch(path, { method: 'POST', body, headers: { 'X-Armature-Token': token, 'Content-Type': type } });
  try {
    let response = await send();
    if (response.status === 403 && (await renewToken())) response = await send();
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    return answer;
  } catch (e) {
    toast(e.message);
    return undefined;
  }
}

// --- acting
let live = false;
let pictures = [];
let fetching = new AbortController();
async function stop() {
  fetching.abort();
  if (!(await post('api/estop'))) toast('The stop did not reach the runtime: stop the robot by its own switch.');
}
$('estop').onclick = stop;
$('arm').onclick = () => post('api/arm');
$('skip').onclick = () => post('api/skip');
$('ask').onsubmit = (e) => {
  e.preventDefault();
  $('instruction').blur();
  post('api/instruction', JSON.stringify({ instruction: $('instruction').value }));
};
addEventListener('keydown', (e) => {
  const typing = e.target.matches('input:not([type="checkbox"]), select') || $('token-dialog').open;
  if (e.key === 'Enter' && e.target.matches('input[type="checkbox"]')) e.target.click();
  if (e.repeat || (e.key !== 'Escape' && (e.key !== ' ' || typing))) return;
  e.preventDefault();
  stop();
}, { capture: true });

async function deploy(file) {
    const done = await post('api/deploy?name=' + encodeURIComponent(file.name), file, 'application/java-archive');
  if (done) toast(`${done.name} is in the deploy folder (${Math.ceil(done.bytes / 1024)} kB)`);
}
async function deployAll(files) {
  for (const file of files) await deploy(file);
}
$('choose').onclick = () => $('file').click();
$('file').onchange = (e) => deployAll([...e.target.files]).then(() => { e.target.value = ''; });
let depth = 0;
addEventListener('dragenter', (e) => { e.preventDefault(); depth++; $('drop').hidden = false; });
addEventListener('dragleave', () => { if (--depth <= 0) { depth = 0; $('drop').hidden = true; } });
addEventListener('dragover', (e) => e.preventDefault());
addEventListener('drop', (e) => {
  e.preventDefault();
  depth = 0;
  $('drop').hidden = true;
  deployAll([...e.dataTransfer.files]);
});

// --- showing
const count = (n) => (n >= 1e7 ? (n / 1e6).toFixed(1) + ' M' : n.toLocaleString('en').replaceAll(',', '\u202f'));
const micro = (us) => (us == null ? '–' : us >= 1000 ? (us / 1000).toFixed(1) + ' ms' : us.toFixed(us < 10 ? 1 : 0) + ' µs');

function showState(s) {
  if (!s.state) return;
  $('state').textContent = s.state === 'ESTOP' ? 'STOPPED' : s.state;
  $('state').className = 'pill ' + s.state;
  $('reason').textContent = $('reason').title = s.reason;
  document.title = (s.state === 'RUNNING' ? '' : s.state + ' · ') + 'Armature';
  $('arm').classList.toggle('needed', ['ESTOP', 'FAULT', 'IDLE'].includes(s.state));
  $('arm').disabled = !['ESTOP', 'FAULT', 'IDLE'].includes(s.state);
  $('arm').textContent = s.state === 'IDLE' ? 'Arm' : 'Re-arm';
  if (document.activeElement !== $('instruction')) $('instruction').value = s.instruction;
  $('speed').textContent = s.speed + '×';
  $('score').textContent = s.score ? `${s.score.successes} / ${s.score.episodes}` : '–';
  $('skip').hidden = !s.score;
  if (s.rate_hz === undefined) return;
  $('rate').textContent = s.rate_hz >= 1000 ? +(s.rate_hz / 1000).toFixed(2) + ' kHz' : s.rate_hz + ' Hz';
  $('late').textContent = micro(s.lateness_us.p50) + ' / ' + micro(s.lateness_us.p99);
  $('missed').textContent = count(s.missed) + ' / ' + count(s.ticks);
  $('missed').className = s.missed / Math.max(1, s.ticks) > 1e-3 ? 'bad' : '';
  $('lateness-note').textContent = `p99.9 ${micro(s.lateness_us.p999)}, max ${micro(s.lateness_us.max)}`;
  histogram($('histogram'), s.histogram, s.histogram_edges_us, 1e6 / s.rate_hz / s.speed);
  const age = s.chunk_age_ms;
  $('age-note').textContent = s.chunks ? `p50 ${age.p50.toFixed(0)} ms, p99 ${age.p99.toFixed(0)} ms, ${count(s.chunks)} chunks` : 'no chunk yet';
  if (s.chunks) ages.add(age.p50, age.p99);
}

let current = {};
function showScene(s) {
  if (!s.joints) return;
  if (JSON.stringify(s.joints) !== JSON.stringify(current.joints)) joints.build(s.joints);
  if (JSON.stringify(s.bodies) !== JSON.stringify(current.bodies)) scene?.build(s.bodies);
  if (JSON.stringify(s.cameras) !== JSON.stringify(current.cameras)) showCameras(s.cameras);
  current = s;
  $('sim').textContent = [s.robot, s.simulated ? 'simulated' : ''].filter(Boolean).join(', ');
}

function showCameras(cameras) {
  const images = $('images');
  images.replaceChildren();
  if (!cameras.length) images.innerHTML = '<p class="empty">No camera has a frame yet.</p>';
  pictures = [];
  for (const camera of cameras) {
    const figure = document.createElement('figure');
    const image = new Image(camera.width, camera.height);
    image.alt = camera.name + ' camera';
    const caption = document.createElement('figcaption');
    const size = document.createElement('span');
    size.textContent = `${camera.width} × ${camera.height}${camera.cloud ? ', depth' : ''}`;
    caption.append(camera.name, size);
    figure.append(image, caption);
    images.append(figure);
    const name = encodeURIComponent(camera.name);
    let url;
    pictures.push({ ms: 125, due: 0, path: `camera/${name}.jpg`, wanted: () => true, use: async (response) => {
      const next = URL.createObjectURL(await response.blob());
      image.src = next;
      await image.decode().catch(() => {});
      if (url) URL.revokeObjectURL(url);
      url = next;
    } });
    scene?.cloud(camera.name, null);
    if (camera.cloud) {
      pictures.push({ ms: 333, due: 0, path: `points/${name}.bin`, wanted: () => $('show-cloud').checked,
        use: async (response) => scene?.cloud(camera.name, await response.arrayBuffer()) });
    }
  }
}

/**
 * Fetches pictures while this page is looked at and connected, one after another: a browser has only six connections to a
 * server, and the stop needs one.
 */
async function fetchPictures() {
  for (;;) {
    const now = performance.now();
    const next = pictures.filter((p) => p.due <= now && p.wanted()).sort((a, b) => a.due - b.due)[0];
    const tile = figures.wanted(now);
    const figure = tile && !(next?.due < tile.due) ? tile : undefined;
    if (document.hidden || !live || !(next || figure)) {
      await new Promise((r) => setTimeout(r, 30));
      continue;
    }
    fetching = new AbortController();
    try {
      if (figure) {
        await figure.update(fetching.signal);
        continue;
      }
      next.due = now + next.ms;
      const response = await fetch(next.path, { signal: fetching.signal });
      if (response.ok) await next.use(response);
    } catch (e) {
      // A stop came first, or the connection is lost, which the stream says.
    }
  }
}

const cell = (text, className = '') => {
  const td = document.createElement('td');
  td.textContent = text;
  td.className = className;
  if (className.includes('dim')) td.title = text;
  return td;
};
const row = (...cells) => {
  const tr = document.createElement('tr');
  tr.append(...cells);
  return tr;
};
const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');

// What moves the robot first, then the rest by kind.
const KINDS = ['policy', 'perception', 'driver', 'simulator', 'world', 'executor'];
const order = (m) => (KINDS.includes(m.kind) ? KINDS.indexOf(m.kind) : m.state === 'ACTIVE' ? KINDS.length : -1);
let modules = [];
function showModules() {
  const filter = $('module-filter').value.trim().toLowerCase();
  const shown = modules.filter((m) => [m.id, m.kind, m.bundle, m.paper].some((t) => t.toLowerCase().includes(filter)));
  $('module-count').textContent = shown.length === modules.length ? modules.length || '' : `${shown.length} of ${modules.length}`;
  $('module-rows').replaceChildren(...shown.sort((a, b) => order(a) - order(b)).map((m) => {
    const tr = row(cell(m.id || m.bundle), cell(m.kind || '–', 'dim'), cell(m.version, 'dim'),
      cell(m.inUse ? 'in use' : m.state.toLowerCase(), m.inUse ? 'good strong' : m.state === 'ACTIVE' ? 'dim' : 'warn'));
    tr.title = [m.paper, `${m.bundle} ${m.version}, ranking ${m.ranking}`].filter(Boolean).join('\n');
    return tr;
  }));
}
$('module-filter').oninput = showModules;

const OUTCOME = { 'cut-over': 'good', refused: 'bad', 'rolled-back': 'warn' };
const make = (name, text, className = '') => Object.assign(document.createElement(name), { textContent: text, className });
let swapsSeen = -1;
function showSwaps(all) {
  const fresh = swapsSeen >= 0 && all.length > swapsSeen ? all.slice(swapsSeen) : [];
  swapsSeen = all.length;
  for (const s of fresh) toast(`${s.id} ${s.version}: ${s.outcome}. ${s.reason}`);
  $('swap-count').textContent = all.length || '';
  if (all.length) {
    $('swap-rows').replaceChildren(...all.map((s) => {
      const li = make('li', '', fresh.includes(s) ? 'fresh' : '');
      const what = make('div', '', 'what');
      what.append(make('time', clock(s.time)), make('b', [s.id, s.version].filter(Boolean).join(' ')), make('span', s.outcome, OUTCOME[s.outcome]),
        make('span', s.ms == null ? '' : s.ms.toFixed(0) + ' ms', 'ms'));
      what.title = s.kind;
      li.append(what, make('p', s.reason));
      return li;
    }).reverse().slice(0, 200));
  }
}

const LEVELS = { INFO: 1, AUDIT: 1, WARN: 2, ERROR: 3 };
let lines = [];
function lineOf(l) {
  const li = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = clock(l.timeMillis);
  const source = document.createElement('b');
  source.textContent = l.source;
  li.className = l.level;
  li.append(time, source, l.text);
  return li;
}
function showLog(added, replace = false) {
  const list = $('lines');
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 30;
  const least = Number($('level').value);
  const last = lines.at(-1)?.sequence ?? 0;
  const fresh = replace ? added : added.filter((l) => l.sequence > last);
  lines = (replace ? fresh : lines.concat(fresh)).slice(-500);
  const items = fresh.filter((l) => (LEVELS[l.level] ?? 1) >= least).map(lineOf);
  replace ? list.replaceChildren(...items) : list.append(...items);
  while (list.children.length > 500) list.firstChild.remove();
  if (atEnd || replace) list.scrollTop = list.scrollHeight;
}
$('level').onchange = () => showLog(lines, true);

$('enlarge').onclick = () => {
  const large = document.querySelector('main').classList.toggle('large');
  $('enlarge').ariaPressed = String(large);
  $('enlarge').textContent = large ? '⤡' : '⤢';
};
$('show-bodies').onchange = $('show-cloud').onchange = () => scene?.show($('show-bodies').checked, $('show-cloud').checked);
$('home-view').onclick = () => scene?.home();
$('joint-view').onchange = (e) => joints.showError(e.target.value === 'error');
$('span').onchange = (e) => { joints.span = Number(e.target.value); joints.draw(); };

// --- the stream
const show = {
  state: showState, scene: showScene, modules: (m) => { modules = m; showModules(); }, swaps: showSwaps, figures: (f) => figures.list(f),
  log: (l) => showLog(l), logs: (l) => showLog(l, true),
  history: (f) => { if (f.rows) joints.add(f.rows, true); },
  frame: (f) => { if (f.rows) { joints.add(f.rows); scene?.move(f.poses); } },
};
let stream;
function connect() {
  stream?.close();
  stream = new EventSource('events');
  for (const [name, use] of Object.entries(show)) stream.addEventListener(name, (e) => use(JSON.parse(e.data)));
  stream.onopen = () => { live = true; figures.forget(); document.body.classList.remove('lost'); };
  stream.onerror = () => {
    live = false;
    document.body.classList.add('lost');
    $('state').textContent = 'NO LINK';
    $('state').className = 'pill LOST';
    $('reason').textContent = 'the runtime does not answer; this page tries again by itself';
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  };
}
// A page nobody looks at holds no connection: with six of them open, the seventh could not stop the robot.
document.addEventListener('visibilitychange', () => {
  live = false;
  document.hidden ? stream.close() : connect();
});
connect();
fetchPictures();
