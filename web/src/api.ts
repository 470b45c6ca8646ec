/* api.ts - the documents of the HTTP API (ARCHITECTURE.md section 3) and the few requests
 * that change something. Reading is poll.ts's work. */

export type RunState =
  | 'queued' | 'starting' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled';

export type Metrics = Readonly<Record<string, number | null>>;

export interface RunError {
  code: string;
  at: string | null;
  text: string;
}

export interface Run {
  id: string;
  job: string;
  name: string;
  state: RunState;
  reason: string | null;
  priority: number;
  attempt: number;
  max_retries: number;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  dataset: string;
  level: number | null;
  levels: number | null;
  resolution: number | null;
  blocks: number[] | null;
  step: number;
  steps: number;
  epoch: number | null;
  work: number;
  total_work: number;
  progress: number;
  time: number;
  eta_s: number | null;
  metrics: Metrics;
  error: RunError | null;
  model_sha256: string | null;
}

export interface Artifact {
  name: string;
  bytes: number;
}

export interface Spec {
  levels?: { resolution?: number; blocks?: number[]; epochs?: number }[] | 'auto';
  model?: { units?: { channels?: number; blocks?: number }[] };
  [member: string]: unknown;
}

export interface RunDetail extends Run {
  spec: Spec;
  artifacts: Artifact[];
}

export interface RunPage {
  runs: Run[];
  next: string | null;
}

export type LevelState = 'pending' | 'running' | 'done' | 'skipped';

export interface Probe {
  loss: number | null;
  accuracy: number | null;
}

export interface Transfer {
  level: number;
  step: number;
  time: number;
  work: number;
  space: string;
  time_operator: string;
  resolution: [number, number];
  blocks: [number[], number[]];
  before: Probe;
  after: Probe;
  probe_examples: number;
}

export interface Level {
  level: number;
  state: LevelState;
  resolution: number;
  blocks: number[];
  epochs: number;
  steps: number | null;
  parameters: number | null;
  flops_per_image: number | null;
  memory_bytes: number | null;
  work: number | null;
  started_at: string | null;
  finished_at: string | null;
  seconds: number | null;
  metrics: Metrics;
  transfer: Transfer | null;
}

export interface Point {
  level: number;
  step: number;
  work: number;
  time: number;
  value: number | null;
}

export interface Series {
  name: string;
  points: Point[];
}

export interface Version {
  version: string;
  api: number;
}

/* An answer of type application/problem+json, or what we make of one that is not. */
export interface Problem {
  title: string;
  status: number;
  detail: string;
}

export const CHART_METRICS = [
  'train.loss', 'test.loss', 'train.accuracy', 'test.accuracy',
] as const;

export const address = {
  runs: (cursor: string | null): string =>
    '/v1/runs?limit=50' + (cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`),
  run: (id: string): string => `/v1/runs/${encodeURIComponent(id)}`,
  levels: (id: string): string => `${address.run(id)}/levels`,
  metrics: (id: string): string =>
    `${address.run(id)}/metrics?name=${CHART_METRICS.join(',')}&points=500`,
  log: (id: string): string => `${address.run(id)}/log?tail=400`,
  artifact: (id: string, name: string): string =>
    `${address.run(id)}/artifacts/${encodeURIComponent(name)}`,
  cancel: (id: string): string => `${address.run(id)}/cancel`,
  jobs: '/v1/jobs',
  session: '/v1/session',
  version: '/version',
  livez: '/livez',
};

export function isFinal(state: RunState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

export async function problemOf(answer: Response): Promise<Problem> {
  const plain: Problem = {
    title: answer.statusText || 'The request failed',
    status: answer.status,
    detail: `The daemon answered with status ${answer.status}.`,
  };
  if (!(answer.headers.get('content-type') ?? '').includes('json')) return plain;
  try {
    return { ...plain, ...((await answer.json()) as Partial<Problem>) };
  } catch {
    return plain;
  }
}

/* Null when the daemon took the request, otherwise why it did not. */
export async function cancelRun(id: string): Promise<Problem | null> {
  try {
    const answer = await fetch(address.cancel(id), { method: 'POST' });
    return answer.ok ? null : await problemOf(answer);
  } catch {
    return { title: 'No answer', status: 0, detail: 'The daemon does not answer.' };
  }
}

/* What the ladder will be, from the spec alone: for a run whose plan is not known yet. One
 * that the worker makes is empty until then. */
export function levelsOfSpec(spec: Spec): Level[] {
  const finest = (spec.model?.units ?? []).map((unit) => unit.blocks ?? 1);
  const levels = Array.isArray(spec.levels) ? spec.levels : [];
  return levels.map((level, index) => ({
    level: index,
    state: 'pending',
    resolution: level.resolution ?? 0,
    blocks: level.blocks && level.blocks.length > 0 ? level.blocks : finest,
    epochs: level.epochs ?? 0,
    steps: null,
    parameters: null,
    flops_per_image: null,
    memory_bytes: null,
    work: null,
    started_at: null,
    finished_at: null,
    seconds: null,
    metrics: {},
    transfer: null,
  }));
}
