/*
 * fake.mjs - an odenetd that trains nothing: it serves the built page and the documents of
 * ARCHITECTURE.md section 3, for runs whose progress the test decides.
 *
 *   const fake = await startFake(distFolder);
 *   fake.add(makeRun({ name: 'first' }));     fake.runs[0].step = 700;
 *   await fake.down(); await fake.up();       the same port again
 *
 * By hand: node fake.mjs DIST [PORT]; there the first run goes on by itself.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const POLICY = "default-src 'self'";
const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml',
};

const LADDER = [
  { resolution: 16, blocks: [3, 3, 3], epochs: 6, steps: 600, parameters: 214_970, work: 9_000 },
  { resolution: 16, blocks: [6, 6, 6], epochs: 3, steps: 300, parameters: 428_538, work: 7_500 },
  { resolution: 32, blocks: [6, 6, 6], epochs: 6, steps: 600, parameters: 428_538, work: 60_000 },
];

let made = 0;

function makeId() {
  made++;
  let id = '01';
  for (let i = 0; i < 24; i++) {
    id += ALPHABET[createHash('sha256').update(`${made}/${i < 8 ? 0 : i}/${i}`).digest()[0] % 32];
  }
  return id;
}

function at(ms) {
  return new Date(ms).toISOString();
}

/* A run is this record; every document is computed from it. */
export function makeRun(over = {}) {
  const created = over.created ?? Date.now() - 95_000;
  return {
    id: makeId(), job: makeId(), name: 'cifar10-hamiltonian', state: 'running', reason: null,
    dataset: 'cifar10', step: 0, ladder: LADDER, error: null, attempt: 1, priority: 0,
    created, planned: true, ...over,
  };
}

function place(run) {
  let before = 0;
  for (let k = 0; k < run.ladder.length; k++) {
    const { steps } = run.ladder[k];
    if (run.step < before + steps || k === run.ladder.length - 1) return { level: k, before };
    before += steps;
  }
  return { level: 0, before: 0 };
}

/* Noise that depends on its arguments alone. */
function noise(...of) {
  return createHash('sha256').update(of.join('/')).digest().readUInt16LE(0) / 65535 - 0.5;
}

/* Loss falls with steps, faster at first, and jumps a little at each transfer. */
function lossAt(run, step) {
  let before = 0;
  let floor = 2.3;
  for (const [k, level] of run.ladder.entries()) {
    const goal = 0.95 * 0.62 ** k;
    const start = k === 0 ? 2.3 : floor + 0.28;
    const done = Math.min(Math.max((step - before) / level.steps, 0), 1);
    floor = goal + (start - goal) * Math.exp(-4.2 * done) * (1 - 0.3 * done);
    if (step <= before + level.steps) return floor;
    before += level.steps;
  }
  return floor;
}

function testLossAt(run, step) {
  return lossAt(run, step) * 1.08 + 0.03 + 0.05 * noise('test', step);
}

function accuracyOf(loss) {
  return Math.min(Math.max(1 - 0.39 * loss, 0.1), 0.995);
}

function costAt(run, step) {
  let work = 0;
  let time = 0;
  let before = 0;
  for (const level of run.ladder) {
    const done = Math.min(Math.max((step - before) / level.steps, 0), 1);
    work += level.work * done;
    time += (level.work / 400) * done;
    before += level.steps;
  }
  return { work, time };
}

function newest(run) {
  if (run.step === 0) return {};
  const loss = lossAt(run, run.step);
  const values = { 'train.loss': loss, 'train.accuracy': accuracyOf(loss), lr: 0.04 };
  if (run.step < 100) return values;
  const test = testLossAt(run, run.step - (run.step % 100));
  return { ...values, 'test.loss': test, 'test.accuracy': accuracyOf(test) };
}

function runDoc(run) {
  const steps = run.ladder.reduce((sum, level) => sum + level.steps, 0);
  const total = run.ladder.reduce((sum, level) => sum + level.work, 0);
  const { level, before } = place(run);
  const { work, time } = costAt(run, run.step);
  const begun = run.state !== 'queued';
  const final = ['succeeded', 'failed', 'cancelled'].includes(run.state);
  return {
    id: run.id, job: run.job, name: run.name, state: run.state, reason: run.reason,
    priority: run.priority, attempt: run.attempt, max_retries: 2,
    created_at: at(run.created), started_at: begun ? at(run.created + 900) : null,
    finished_at: final ? at(run.created + 900 + 1000 * time) : null,
    dataset: run.dataset, level: begun ? level : null, levels: run.ladder.length,
    resolution: begun ? run.ladder[level].resolution : null,
    blocks: begun ? run.ladder[level].blocks : null,
    step: run.step, steps, epoch: (run.step - before) / 100, work, total_work: total,
    progress: work / total, time,
    eta_s: run.state === 'running' && run.step > 20 ? (total - work) / 400 : null,
    metrics: newest(run), error: run.error,
    model_sha256: run.state === 'succeeded' ? 'ab'.repeat(32) : null,
  };
}

function detailDoc(run) {
  const spec = {
    name: run.name, data: { set: run.dataset, augment: { crop: 4, flip: 'random' } },
    model: {
      block: 'hamiltonian', step: 0.1,
      units: [{ channels: 32, blocks: 6 }, { channels: 64, blocks: 6 }, { channels: 112, blocks: 6 }],
    },
    train: { batch: 100, weight_decay: 2e-4, smoothness: 2e-4, memory: 'reverse' },
    levels: run.ladder.map(({ resolution, blocks, epochs }) => ({ resolution, blocks, epochs })),
    transfer: { space: 'bilinear', time: 'linear' }, seed: 1,
  };
  const artifacts = [{ name: 'spec.json', bytes: 912 }];
  if (run.state === 'succeeded') artifacts.unshift({ name: 'model.safetensors', bytes: 1_720_416 });
  return { ...runDoc(run), spec, artifacts };
}

function levelsDoc(run) {
  if (!run.planned) return { levels: [] };
  const now = place(run).level;
  let end = 0;
  const levels = run.ladder.map((level, k) => {
    const start = end;
    end += level.steps;
    const done = run.step >= end;
    const begun = run.state !== 'queued' && (k === 0 || run.step > start);
    const last = testLossAt(run, Math.min(run.step, end));
    const below = run.ladder[k - 1];
    const cost = costAt(run, start);
    const from = k > 0 ? lossAt(run, start) : 0;
    return {
      level: k, state: done ? 'done' : begun && k === now ? 'running' : 'pending', ...level,
      flops_per_image: 21_000_000 * (level.work / level.steps), memory_bytes: 18_400_000 * (k + 1),
      started_at: begun ? at(run.created + 1000 * cost.time) : null,
      finished_at: done ? at(run.created + 1000 * costAt(run, end).time) : null,
      seconds: begun ? costAt(run, Math.min(run.step, end)).time - cost.time : null,
      metrics: done ? { 'test.loss': last, 'test.accuracy': accuracyOf(last) } : {},
      transfer: begun && below ? {
        level: k, step: start, time: cost.time, work: cost.work, space: 'bilinear',
        time_operator: 'linear', resolution: [below.resolution, level.resolution],
        blocks: [below.blocks, level.blocks],
        before: { loss: from, accuracy: accuracyOf(from) },
        after: { loss: from + 0.28, accuracy: accuracyOf(from + 0.28) },
        probe_examples: 1000, norm_before: 31.2, norm_after: 33.8,
      } : null,
    };
  });
  return { levels };
}

function metricsDoc(run, names) {
  const series = names.map((name) => ({ name, points: [] }));
  let before = 0;
  for (const [k, level] of run.ladder.entries()) {
    for (let step = before + 10; step <= Math.min(run.step, before + level.steps); step += 10) {
      const loss = lossAt(run, step);
      const epochEnd = (step - before) % 100 === 0;
      const values = {
        'train.loss': loss * (1 + 0.16 * noise(run.id, step)),
        'train.accuracy': accuracyOf(loss * (1 + 0.16 * noise(run.id, step))),
      };
      if (epochEnd) {
        const test = testLossAt(run, step);
        Object.assign(values, { 'test.loss': test, 'test.accuracy': accuracyOf(test) });
      }
      for (const one of series) {
        if (values[one.name] !== undefined) {
          one.points.push({ level: k, step, ...costAt(run, step), value: values[one.name] });
        }
      }
    }
    before += level.steps;
  }
  return { series };
}

function logText(run) {
  const lines = ['kernels avx2, 2 threads, reverse', 'data set cifar10: 50,000 train, 10,000 test'];
  for (let step = 20; step <= run.step; step += 20) {
    const k = place({ ...run, step }).level;
    lines.push(`level ${k + 1}  step ${String(step).padStart(5)}  loss ${lossAt(run, step).toFixed(4)}  lr 0.0400`);
  }
  if (run.error) lines.push(`error: ${run.error.text}`);
  return lines.slice(-400).join('\n') + '\n';
}

function problem(answer, status, title, detail) {
  answer.writeHead(status, { 'content-type': 'application/problem+json' });
  answer.end(JSON.stringify({ type: `/problems/${status}`, title, status, detail, instance: '' }));
}

function send(request, answer, type, body) {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  if (request.headers['if-none-match'] === etag) {
    answer.writeHead(304, { etag });
    answer.end();
    return;
  }
  answer.writeHead(200, { 'content-type': type, etag, 'content-security-policy': POLICY });
  answer.end(body);
}

class Fake {
  runs = [];
  requests = []; // "GET /v1/runs"
  posts = [];
  mostAtOnce = 0; // of one address
  notModified = 0;
  token = null; // where set, it is wanted, by a cookie that is given for it
  #flying = new Map();
  #server = null;
  #port = 0;

  constructor(dist) {
    this.dist = dist;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  add(...runs) {
    this.runs.unshift(...runs);
    return runs[0];
  }

  async up(port = this.#port) {
    this.#server = createServer((request, answer) => void this.#serve(request, answer));
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.#port = this.#server.address().port;
  }

  async down() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request, answer) {
    const url = new URL(request.url, 'http://fake');
    this.requests.push(`${request.method} ${url.pathname}`);
    const flying = (this.#flying.get(request.url) ?? 0) + 1;
    this.#flying.set(request.url, flying);
    this.mostAtOnce = Math.max(this.mostAtOnce, flying);
    answer.on('close', () => {
      this.#flying.set(request.url, this.#flying.get(request.url) - 1);
      if (answer.statusCode === 304) this.notModified++;
    });
    if (url.pathname === '/v1/session') return void this.#session(request, answer);
    if (this.token && /^\/(v1\/|version)/.test(url.pathname)
        && request.headers.cookie !== `odenet-1=${this.token}`) {
      return problem(answer, 401, 'A token is needed', 'this needs a token');
    }
    if (url.pathname.startsWith('/v1/')) this.#api(request, answer, url);
    else if (url.pathname === '/livez') send(request, answer, 'application/json', '{"status":"ok"}');
    else if (url.pathname === '/version') {
      send(request, answer, 'application/json', '{"version":"0.1.0","api":1}');
    } else await this.#page(request, answer, url.pathname);
  }

  async #session(request, answer) {
    let body = '';
    for await (const piece of request) body += piece;
    if (JSON.parse(body).token !== this.token) {
      return problem(answer, 401, 'A token is needed', 'this token is not known here');
    }
    answer.setHeader('set-cookie', `odenet-1=${this.token}; Path=/; HttpOnly; SameSite=Strict`);
    answer.writeHead(200, { 'content-type': 'application/json' });
    answer.end('{"name":"me","role":"admin","seconds":43200}');
  }

  async #page(request, answer, path) {
    const name = extname(path) === '' ? 'index.html' : normalize(path).slice(1);
    try {
      send(request, answer, TYPES[extname(name)] ?? 'application/octet-stream',
        await readFile(join(this.dist, name)));
    } catch {
      problem(answer, 404, 'Not found', `There is no ${path}.`);
    }
  }

  #api(request, answer, url) {
    const json = (doc) => send(request, answer, 'application/json', JSON.stringify(doc));
    if (url.pathname === '/v1/jobs' && request.method === 'POST') return void this.#submit(request, answer);
    if (url.pathname === '/v1/runs') {
      const limit = Number(url.searchParams.get('limit') ?? 50);
      const cursor = url.searchParams.get('cursor');
      const from = cursor === null ? 0 : this.runs.findIndex((run) => run.id === cursor) + 1;
      const page = this.runs.slice(from, from + limit);
      const next = from + limit < this.runs.length ? page.at(-1).id : null;
      return json({ runs: page.map(runDoc), next });
    }
    const [, id, what] = /^\/v1\/runs\/([^/]+)(?:\/(.*))?$/.exec(url.pathname) ?? [];
    const run = this.runs.find((one) => one.id === id);
    if (!run) return problem(answer, 404, 'Not found', `There is no ${url.pathname}.`);
    if (what === 'cancel') return this.#cancel(request, answer, run);
    if (what === undefined) return json(detailDoc(run));
    if (what === 'levels') return json(levelsDoc(run));
    if (what === 'metrics') return json(metricsDoc(run, url.searchParams.get('name').split(',')));
    if (what === 'log') return send(request, answer, 'text/plain; charset=utf-8', logText(run));
    if (what.startsWith('artifacts/')) return send(request, answer, 'application/octet-stream', 'weights');
    return problem(answer, 404, 'Not found', `There is no ${url.pathname}.`);
  }

  /* A submitted run goes on by itself. */
  async #submit(request, answer) {
    let body = '';
    for await (const piece of request) body += piece;
    const spec = JSON.parse(body);
    const finest = spec.model.units.map((unit) => unit.blocks);
    const ladder = spec.levels.map(({ resolution, blocks = finest, epochs }) => ({
      resolution, blocks, epochs, steps: 100 * epochs, parameters: 9_482, work: epochs * resolution ** 2,
    }));
    const run = this.add(makeRun({ name: spec.name, dataset: spec.data.set, ladder, created: Date.now() }));
    const end = ladder.reduce((sum, level) => sum + level.steps, 0);
    const timer = setInterval(() => {
      if (run.state !== 'running') return clearInterval(timer);
      run.step = Math.min(run.step + 5, end);
      if (run.step === end) run.state = 'succeeded';
    }, 50);
    timer.unref();
    answer.writeHead(201, { 'content-type': 'application/json', location: `/v1/jobs/${run.job}` });
    answer.end(JSON.stringify({ id: run.job, runs: [{ id: run.id, state: run.state }] }));
  }

  #cancel(request, answer, run) {
    this.posts.push(`${request.method} ${run.id}`);
    run.state = 'cancelled';
    run.reason = 'cancelled on request';
    answer.writeHead(200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify(runDoc(run)));
  }
}

export async function startFake(dist) {
  const fake = new Fake(dist);
  await fake.up(0);
  return fake;
}

/* A list with one of each kind; the first is the one that goes on. */
export function showcase() {
  const minute = 60_000;
  const quick = [
    { resolution: 8, blocks: [2, 2], epochs: 3, steps: 300, parameters: 9_482, work: 900 },
    { resolution: 16, blocks: [2, 2], epochs: 3, steps: 300, parameters: 9_482, work: 3_600 },
    { resolution: 16, blocks: [4, 4], epochs: 3, steps: 300, parameters: 18_244, work: 6_800 },
    { resolution: 32, blocks: [4, 4], epochs: 3, steps: 300, parameters: 18_244, work: 27_000 },
  ];
  const now = Date.now();
  return [
    makeRun({ step: 1040, created: now - 2 * minute }),
    makeRun({ name: 'strokes-deep', dataset: 'strokes', state: 'queued', ladder: quick,
      reason: 'waiting for a free slot', created: now - 1 * minute }),
    makeRun({ name: 'quickstart', dataset: 'strokes', ladder: quick, state: 'succeeded', step: 1200,
      created: now - 34 * minute }),
    makeRun({ name: 'fashion-tanh', dataset: 'fashion-mnist', state: 'failed', step: 430, attempt: 3,
      reason: 'diverged', created: now - 180 * minute,
      error: { code: 'EDIVERGE', at: 'level 1, step 430, unit.2.block.4',
        text: 'the loss became infinite; try a lower lr.peak or a smaller model.step' } }),
    makeRun({ name: 'cifar10-none', state: 'cancelled', step: 760, reason: 'cancelled on request',
      created: now - 27 * 60 * minute }),
  ];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const fake = new Fake(process.argv[2] ?? 'dist');
  await fake.up(Number(process.argv[3] ?? 0));
  fake.add(...showcase());
  setInterval(() => {
    const run = fake.runs[0];
    run.step = Math.min(run.step + 6, 1500);
    if (run.step === 1500) run.state = 'succeeded';
  }, 500).unref();
  process.stdout.write(`${fake.url}\n`);
  process.stdin.resume();
}
