/* contract.mjs - every answer of a real daemon is what its OpenAPI document says.
 *
 *     node contract.mjs      in the build tree
 *
 * Each route is asked in good and in bad ways, through the life of several runs. It fails
 * where an answer is not in the document, and where something of the document was never seen.
 * The document as it was served is left in openapi.json.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { ask, events, listen } from './client.mjs';
import { Daemon, makeToken, until } from './daemon.mjs';
import { Contract } from './document.mjs';

const NOBODY = '01hzzzzzzzzzzzzzzzzzzzzzzz';
const JSON_TYPE = { 'Content-Type': 'application/json' };
const FINAL = ['succeeded', 'failed', 'cancelled'];

let url, contract, asked = 0;

/* --- asking ------------------------------------------------------------------------------- */

/* The answer, which must have this status and be as the document has it. */
async function call(method, path, status, options = {}) {
  const answer = await ask(url, method, path, options);

  asked++;
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text.slice(0, 2000)}`);
  if (status < 300 && options.body)
    contract.taken(method, path, options.headers['Content-Type'], options.body);
  return contract.check(method, path, answer);
}

const post = (path, status, body, headers = {}) =>
  call('POST', path, status, {
    headers: { ...JSON_TYPE, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const patch = (path, status, body, headers = {}) =>
  call('PATCH', path, status, { headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) });

/* What is there to be read: whole, unchanged, squeezed, its head alone; and as a picture. */
async function read(path, headers = {}) {
  const answer = await call('GET', path, 200, { headers });
  const etag = answer.headers.etag;

  assert.ok(etag, `${path} has no ETag`);
  const again = await ask(url, 'GET', path, { headers: { ...headers, 'If-None-Match': etag } });

  contract.check('GET', path, again); // 304, or 200 where it has changed since
  const squeezed = await call('GET', path, 200, { headers: { ...headers, 'Accept-Encoding': 'gzip' } });

  assert.equal(squeezed.headers.etag.endsWith('-gz"'), 'content-encoding' in squeezed.headers, path);
  await call('HEAD', path, 200, { headers });
  /* 406, but for files that are sent as they are */
  contract.check('GET', path, await ask(url, 'GET', path, { headers: { ...headers, Accept: 'image/png' } }));
  return answer.json ?? answer.text;
}

const run = async (id) => (await call('GET', `/v1/runs/${id}`, 200)).json;

const inState = (id, state) => until(`run ${id} is ${state}`, async () => {
  const now = await run(id);

  assert.ok(now.state === state || !FINAL.includes(now.state), JSON.stringify(now));
  return now.state === state && now;
});

const ended = (id) => until(`run ${id} has ended`, async () => {
  const now = (await call('GET', `/v1/runs/${id}?wait=5`, 200)).json;

  return FINAL.includes(now.state) && now;
});

async function submit(spec, headers = {}) {
  const { json, headers: head } = await post('/v1/jobs', 201, spec, headers);

  assert.equal(head.location, `/v1/jobs/${json.id}`);
  return { job: json.id, run: json.runs[0].id };
}

/* --- specs -------------------------------------------------------------------------------- */

/* One level, over in a moment for few epochs. */
const brief = (name, epochs = 1, more = {}) => ({
  name,
  data: { set: 'strokes', train_size: 100, test_size: 20 },
  model: { units: [{ channels: 4, blocks: 2 }] },
  train: { batch: 50, test_every: 1000 },
  levels: [{ resolution: 8, epochs, lr: { peak: 0.02 } }],
  resources: { threads: 1 },
  ...more,
});

/* Finer images, then more blocks. */
const ladder = (name, more = {}) => ({
  ...brief(name),
  model: { units: [{ channels: 4, blocks: 4 }, { channels: 8, blocks: 4 }] },
  levels: [
    { resolution: 8, blocks: [2, 2], epochs: 1 },
    { resolution: 16, blocks: [2, 2], epochs: 1 },
    { resolution: 16, blocks: [4, 4], epochs: 1 },
  ],
  ...more,
});

/* Two levels that would take for ever. */
const endless = (name, more = {}) => brief(name, 1, {
  levels: [{ resolution: 8, epochs: 100000 }, { resolution: 16, epochs: 100000 }],
  ...more,
});

/* Rates from none at all to a good one, of which the best learns its second level. */
const rates = (name) => brief(name, 1, {
  levels: [{ resolution: 8, epochs: 1 }, { resolution: 16, epochs: 1 }],
  sweep: {
    grid: { '/levels/0/lr/peak': [1e-6, 0.05], '/seed': [1, 2] },
    max_parallel: 2,
    promote: { best: 1, after: 0 },
  },
});

/* --- the stories -------------------------------------------------------------------------- */

/* A target that the route understands, and a body. */
const sample = ({ pattern, method }) => ({
  target: pattern.replace('{id}', NOBODY).replace('{name}',
    pattern.startsWith('/problems') ? 'internal' : 'spec.json')
    + (pattern === '/v1/compare' ? `?runs=${NOBODY},${NOBODY}` : ''),
  body: { post: '{}', patch: '{"priority": 0}' }[method],
});

/* What every route refuses. */
async function everyRouteIsStrict() {
  for (const operation of contract.operations()) {
    const { pattern, parameters } = operation;
    const method = operation.method.toUpperCase();
    const { target, body } = sample(operation);
    const headers = body ? JSON_TYPE : {};
    const mark = target.includes('?') ? '&' : '?';

    await call(method, `${target}${mark}colour=red`, 400, { headers, body });
    await call(method, target, 421, { headers: { ...headers, Host: 'example.org' }, body });
    if (method !== 'GET') {
      await call(method, target, 403, { headers: { ...headers, Origin: 'http://example.org' }, body });
      await call(method, target, 415, { headers: { 'Content-Type': 'text/plain' }, body: '{}' });
      await call(method, target, 413, { headers: JSON_TYPE, body: ' '.repeat(70000) });
    }
    if (parameters.some((one) => one.in === 'path' && one.name === 'id'))
      await call(method, target, 404, { headers, body });

    for (const one of parameters.filter(({ in: where }) => where === 'query')) {
      const twice = `${pattern.replace('{id}', NOBODY)}?${one.name}=1&${one.name}=1`;

      await call(method, twice, 400, { headers, body });
    }
  }
  await call('GET', `/v1/runs?name=${'a'.repeat(9000)}`, 414);
  await call('GET', '/v1/runs', 431, { headers: { 'X-Long': 'a'.repeat(17000) } });
}

/* Other methods are refused, and OPTIONS tells which are not. */
async function methodsAreTold() {
  for (const [pattern] of Object.entries(contract.document.paths)) {
    const { target } = sample({ pattern });
    const allow = contract.methods(pattern).join(', ');
    const wrong = await ask(url, 'PUT', target, { headers: JSON_TYPE, body: '{}' });
    const options = await ask(url, 'OPTIONS', target);

    asked += 2;
    assert.equal(wrong.status, 405, target);
    contract.answer({ $ref: '#/components/responses/Problem' }, 'PUT', wrong, `PUT ${target}`);
    assert.equal(wrong.headers.allow, allow, target);
    assert.equal(options.status, 204, target);
    assert.equal(options.headers.allow, allow, target);
    assert.equal(options.text, '');
  }
}

async function theServerIsDescribed() {
  const spec = { ...await read('/v1/schemas/job.json') };

  delete spec.$id;
  delete spec.$schema;
  assert.deepEqual(contract.schemas.JobSpec, spec, 'JobSpec is not /v1/schemas/job.json');
  assert.deepEqual(await read('/v1/openapi.json'), contract.document);
  await read('/livez');
  await read('/readyz');
  await read('/version');
  await read('/v1/datasets');
  await until('the worker has told of the machine', async () =>
    (await call('GET', '/v1/system', 200)).json.blas);
  await read('/v1/system');
  await read('/metrics');
  await call('GET', '/metrics', 304, { headers: { 'If-None-Match': '*' } }); // no two are equal
  for (const type of contract.schemas.ProblemKind.properties.type.enum)
    assert.equal((await read(type)).type, type);
  await call('GET', '/problems/none', 404);
}

async function listsAreEmptyAtFirst() {
  assert.deepEqual(await read('/v1/jobs'), { jobs: [], next: null });
  assert.deepEqual(await read('/v1/runs'), { runs: [], next: null });
  assert.deepEqual(await read('/v1/events'), { events: [], next: null, newest: 0 });
}

async function copiesAreMade() {
  const { name, bytes } = (await post('/v1/backup', 201, '{}')).json;

  assert.ok(name.length > 0 && bytes > 0);
  await post('/v1/session', 409, { token: 'none' }); // where there are no tokens
}

async function submissionsAreRefused() {
  const bad = async (body, status, slug) => {
    for (const path of ['/v1/jobs', '/v1/jobs?dry_run=true'])
      assert.equal((await post(path, status, body)).json.type, `/problems/${slug}`);
  };

  await bad('{"levels": [', 400, 'bad-json');
  await bad('{"seed": 1, "seed": 2}', 400, 'bad-json');
  await bad('['.repeat(40) + ']'.repeat(40), 400, 'bad-json');
  await bad({}, 422, 'invalid-spec');
  await bad({ levels: [{ resolution: 8, epochs: -3 }], colour: 'red' }, 422, 'invalid-spec');
  await bad({ ...brief('x'), data: { set: 'cifar10' }, levels: [{ resolution: 32, epochs: 1 }] }, 422, 'unusable-data');
  for (const spec of [brief('x', 1, { resources: { threads: 200 } }), brief('x', 1, { warm_start: { run: NOBODY } })])
    assert.equal((await post('/v1/jobs', 422, spec)).json.type, '/problems/invalid-spec');
  await post('/v1/jobs?dry_run=maybe', 400, brief('x'));
  await post('/v1/jobs?measure=false', 400, brief('x'));
  await post('/v1/jobs', 400, brief('x'), { 'Idempotency-Key': 'k'.repeat(256) });
}

async function plansAreMade() {
  const dry = (spec, more = '') => post(`/v1/jobs?dry_run=true${more}`, 200, spec);
  const plain = (await dry(ladder('plan'), '&measure=false')).json;

  assert.equal(plain.plan.seconds, undefined);
  assert.equal(plain.runs, 1);
  assert.equal((await dry(rates('plan'), '&measure=false')).json.runs, 4);
  assert.ok((await dry(brief('plan'))).json.plan.seconds.expected > 0);
  const made = await dry(brief('plan', 1, { levels: 'auto', budget: { epochs: 4 } }), '&measure=false');

  assert.ok(made.json.plan.reasons.length > 0);

  /* More at once than are made at a time. */
  const many = await Promise.all(Array.from({ length: 6 }, () =>
    ask(url, 'POST', '/v1/jobs?dry_run=true', { headers: JSON_TYPE, body: JSON.stringify(ladder('plan')) })));

  for (const answer of many)
    contract.check('POST', '/v1/jobs?dry_run=true', answer);
  assert.ok(many.some((answer) => answer.status === 503), 'six plans were made at once');
}

async function turnsAreChanged(id) {
  const path = `/v1/runs/${id}`;

  assert.equal((await patch(path, 200, { priority: -6 })).json.priority, -6);
  await patch(path, 200, { priority: -5 }, { 'Content-Type': 'application/merge-patch+json' });
  await patch(path, 400, {});
  await patch(path, 400, { priority: 1, name: 'other' });
  await patch(path, 422, { priority: 1e6 });
}

/* What has changed since it was looked at stays as it is. */
async function changesAreNoticed(job, id) {
  const other = { 'If-Match': '"0123"' };

  await patch(`/v1/runs/${id}`, 412, { priority: 1 }, other);
  await call('DELETE', `/v1/jobs/${job}`, 412, { headers: other });
  for (const action of ['cancel', 'pause', 'resume', 'retry', 'hold', 'advance'])
    await post(`/v1/runs/${id}/${action}`, 412, '{}', other);
}

/* A run that trains tells of itself: its document, its log. */
async function itsProgressIsTold(id) {
  const path = `/v1/runs/${id}/events`;
  const twice = (text) => text.split('event: progress').length > 2;
  const told = events(await listenTo(`${path}?progress=1`, 'text/event-stream', twice))
    .filter(({ event }) => event === 'progress');
  const lines = await listenTo('/v1/events?progress=1', 'application/x-ndjson',
    (text) => text.includes('"kind":"progress"') && text.endsWith('\n'));

  for (const { data, ...head } of told) {
    assert.deepEqual(head, { event: 'progress' });
    contract.component('RunProgress', JSON.parse(data), 'the progress');
    assert.equal(JSON.parse(data).run, id);
  }
  for (const line of lines.split('\n').filter((text) => text !== ''))
    contract.component('StreamLine', JSON.parse(line), line);
  for (const where of [path, '/v1/events'])
    await call('GET', `${where}?progress=1`, 400); // only streams have it
  await listenTo(`/v1/runs/${id}/log?follow=true&tail=1`, '*/*', (text) => text !== '');

  const preferred = await call('GET', `/v1/runs/${id}`, 200, { headers: { Prefer: 'wait=1' } });

  assert.equal(preferred.headers['preference-applied'], 'wait=1');
}

/* One run through all of its states; others wait behind it. */
async function aLongRunIsSteered() {
  const { job, run: id } = await submit(endless('long'));
  const behind = await submit(brief('behind', 1, { priority: -5 }));
  const act = (name, status, of = id) => post(`/v1/runs/${of}/${name}`, status, '{}');

  await until('it trains, with a forecast', async () => {
    const now = await run(id);

    return now.state === 'running' && now.forecast && now.metrics['train.loss'] !== undefined && now;
  });
  assert.ok((await run(behind.run)).waits, 'nobody says why the run behind it waits');
  await call('GET', `/v1/runs/${behind.run}/artifacts/model.safetensors`, 404);
  await call('GET', `/v1/runs/${id}/artifacts/none.txt`, 404);
  await call('GET', `/v1/compare?runs=${id},${behind.run}`, 409);
  await call('DELETE', `/v1/jobs/${job}`, 409);
  await turnsAreChanged(behind.run);
  await changesAreNoticed(job, id);
  await itsProgressIsTold(id);
  await call('DELETE', `/v1/jobs/${job}`, 400, { headers: JSON_TYPE, body: '{}' });
  await post(`/v1/runs/${id}/cancel`, 400, '{"now": true}');
  await act('advance', 409, behind.run);
  await read(`/v1/runs/${id}/levels`);
  await read(`/v1/runs/${id}/metrics`);

  await act('pause', 202);
  await inState(id, 'paused');
  await act('pause', 200);
  await act('retry', 409);
  const { headers: { etag } } = await call('GET', `/v1/runs/${id}`, 200); // a paused run does not change

  await patch(`/v1/runs/${id}`, 200, { priority: 0 }, { 'If-Match': `"0123", ${etag}` });
  await inState(behind.run, 'succeeded');
  await patch(`/v1/runs/${behind.run}`, 409, { priority: 1 });
  await act('resume', 200);
  await until('it trains again', async () => (await run(id)).state === 'running');
  await act('hold', 202);
  await act('advance', 202); // which takes the hold back
  await until('the next level trains', async () => (await run(id)).level === 1);
  const { levels } = await read(`/v1/runs/${id}/levels`);

  assert.equal(levels[0].ended, 'request');
  await act('hold', 202);
  await act('pause', 202);
  await inState(id, 'paused');
  await act('hold', 200);
  await act('advance', 202);
  await inState(id, 'running');
  const first = await submit(brief('first', 1, { priority: 5 })); // it makes room for this one

  await ended(first.run);
  await inState(id, 'running');
  await act('cancel', 202);
  await inState(id, 'cancelled');
  await act('cancel', 200);
  await act('resume', 409);
  await act('retry', 200);
  await inState(id, 'running');
  await act('cancel', 202);
  await inState(id, 'cancelled');
  return { job, run: id };
}

async function aRunSaysNothing() {
  const { run: id } = await submit(brief('late'));

  await inState(id, 'starting');
  await post(`/v1/runs/${id}/cancel`, 202, '{}');
  await inState(id, 'cancelled');
}

async function namesAreKept() {
  for (const name of ['🙂'.repeat(100), '"<&>\\ é']) {
    const { job, run: id } = await submit(brief(name));

    assert.equal((await run(id)).name, name);
    assert.equal((await read(`/v1/jobs/${job}`)).name, name);
    assert.equal((await ended(id)).state, 'succeeded');
  }
}

async function runsFail() {
  const broken = await submit(brief('broken'));
  const diverging = await submit(brief('diverging', 50, {
    model: { units: [{ channels: 4, blocks: 2 }], step: 10 },
    levels: [{ resolution: 8, epochs: 50, lr: { peak: 100, schedule: 'constant' } }],
  }));

  assert.equal((await ended(broken.run)).error.code, 'EDATA');
  assert.ok((await read(`/v1/runs/${broken.run}/artifacts/junit.xml`)).includes('<error'));
  assert.equal((await ended(diverging.run)).state, 'failed');
  for (const action of ['cancel', 'pause', 'resume', 'hold', 'advance'])
    await post(`/v1/runs/${broken.run}/${action}`, 409, '{}');
}

/* Levels that are carried over, damped, skipped, ended early, cached, made. */
async function laddersAreTrained() {
  const coarse = await submit(ladder('coarse', { transfer: { max_jump: 100, damping: 4 } }),
    { 'Idempotency-Key': 'once' });
  const again = await submit(ladder('coarse', { transfer: { max_jump: 100, damping: 4 } }),
    { 'Idempotency-Key': 'once' });
  const conflict = await post('/v1/jobs', 422, ladder('other'), { 'Idempotency-Key': 'once' });
  const shared = await submit(ladder('shared', { transfer: { max_jump: 100, damping: 4 } }));
  const skipping = await submit(ladder('skipping', {
    transfer: { space: 'none', max_jump: 1e-9, on_jump: 'rollback', adjust: 'none' },
    model: { units: [{ channels: 4, blocks: 4 }, { channels: 8, blocks: 4 }], norm: 'tv', head: 'flat' },
  }));
  const plateau = await submit(brief('plateau', 200, {
    levels: [{ resolution: 8, epochs: 200, plateau: { epochs: 1, improvement: 1 } }],
  }));
  const made = await submit(brief('made', 1, { levels: 'auto', budget: { epochs: 3 } }));
  const timed = await submit(brief('timed', 1, { levels: 'auto', budget: { deadline_s: 3 } }));

  assert.deepEqual(again, coarse);
  assert.equal(conflict.json.type, '/problems/key-reused');
  for (const one of [coarse, shared, skipping, plateau, made, timed])
    assert.equal((await ended(one.run)).state, 'succeeded');
  const warm = await submit(ladder('warm', { seed: 7, warm_start: { run: coarse.run, level: 0 } }));

  assert.equal((await ended(warm.run)).state, 'succeeded');
  const levels = Object.fromEntries(await Promise.all(
    Object.entries({ coarse, shared, skipping, plateau, made, timed, warm }).map(
      async ([name, { run: id }]) => [name, (await read(`/v1/runs/${id}/levels`)).levels])));

  assert.ok(levels.coarse[1].transfer.gate, 'no gate was told');
  assert.ok(levels.shared.every(({ cached }) => cached), 'equal levels were trained twice');
  assert.ok(levels.skipping.some(({ state }) => state === 'skipped'), 'no level was skipped');
  assert.equal(levels.plateau[0].ended, 'plateau');
  assert.ok(levels.warm[0].transfer, 'a warm start was not told');
  return { coarse, warm };
}

/* Runs of one job, which wait for each other behind the first level. */
async function sweepsAreTrained() {
  const { json: { runs } } = await post('/v1/jobs', 201, rates('rates'));
  const [{ id: first }] = runs;
  const { sweep } = await inState(first, 'paused');
  const states = [];

  assert.deepEqual(sweep, { index: 0, values: { '/levels/0/lr/peak': 1e-6, '/seed': 1 }, gate: 0 });
  for (const { id } of runs)
    states.push((await ended(id)).state);
  assert.deepEqual(states.sort(), ['cancelled', 'cancelled', 'cancelled', 'succeeded']);
}

async function resultsAreRead({ coarse, warm }) {
  const base = `/v1/runs/${coarse.run}`;
  const metrics = `${base}/metrics`;

  assert.equal((await read(base)).artifacts.length, 2);
  await read(`/v1/jobs/${coarse.job}`);
  for (const query of ['', '?points=all', '?points=2', '?name=train.loss,lr', '?format=csv', '?name=none', '?after=1:0'])
    await read(metrics + query);
  for (const query of ['?points=0', '?points=some', '?name=', '?name=A', '?format=xml', '?after=1'])
    await call('GET', metrics + query, 400);
  for (const query of ['', '?tail=2'])
    await read(`${base}/log${query}`);
  assert.equal(await listenTo(`${base}/log?follow=true`, '*/*'), await read(`${base}/log`));
  await call('GET', `${base}/log`, 206, { headers: { Range: 'bytes=1-' } });
  await call('GET', `${base}/log?tail=0`, 400);
  for (const name of ['spec.json', 'model.safetensors', 'metrics.csv', 'junit.xml'])
    await read(`${base}/artifacts/${name}`);
  await call('GET', `${base}?wait=301`, 400);
  await read(`/v1/compare?runs=${coarse.run},${warm.run}`);
  await read(`/v1/compare?runs=${coarse.run},${warm.run}&accuracy=0.01,1`);
  await call('GET', `/v1/compare?runs=${coarse.run}`, 400);
  await call('GET', `/v1/compare?runs=${coarse.run},${coarse.run}&accuracy=2`, 400);
  await call('GET', `/v1/compare?runs=${coarse.run},${NOBODY}`, 404);
  for (const action of ['cancel', 'pause', 'resume', 'retry', 'hold', 'advance'])
    await post(`${base}/${action}`, 409, '{}');
}

/* Page after page of so many, until there is no next one. */
async function pages(path, list, parameter, limit) {
  const found = [];
  let next = null;

  do {
    const { json: page, headers } = await call('GET',
      `${path}?limit=${limit}${next === null ? '' : `&${parameter}=${next}`}`, 200);

    assert.ok(page[list].length <= limit);
    assert.equal(headers.link, page.next === null || list === 'events' ? undefined
      : `<${path}?limit=${limit}&${parameter}=${page.next}>; rel="next"`);
    found.push(...page[list]);
    next = page.next;
  } while (next !== null);
  return found;
}

/* Small pages have what large ones have. */
async function pagesAreTurned(path, list, parameter) {
  const found = await pages(path, list, parameter, 500);

  assert.deepEqual(await pages(path, list, parameter, list === 'events' ? 23 : 2), found);
  await read(`${path}?limit=2`);
  await call('GET', `${path}?limit=0`, 400);
  await call('GET', `${path}?${parameter}=x`, 400);
  return found;
}

async function listsAreRead() {
  const states = new Set((await pagesAreTurned('/v1/runs', 'runs', 'cursor')).map(({ state }) => state));

  await pagesAreTurned('/v1/jobs', 'jobs', 'cursor');
  await pagesAreTurned('/v1/events', 'events', 'after');
  for (const state of contract.schemas.RunState.enum)
    for (const one of (await read(`/v1/runs?state=${state}`)).runs)
      assert.equal(one.state, state);
  await call('GET', '/v1/runs?state=lost', 400);
  for (const query of ['dataset=', 'name=', 'job=1'])
    await call('GET', `/v1/runs?${query}`, 400);
  const [some] = (await read('/v1/jobs?name=ladder')).jobs;

  assert.equal(some, undefined);
  const [rated] = (await read('/v1/jobs?name=rate')).jobs;

  for (const one of (await read(`/v1/runs?job=${rated.id}&name=ate&dataset=strokes&state=succeeded,failed`)).runs)
    assert.deepEqual([one.job, one.name, one.state], [rated.id, 'rates', 'succeeded']);
  assert.deepEqual([...states].sort(), FINAL.toSorted());
}

/* --- streams ------------------------------------------------------------------------------ */

async function listenTo(path, accept, enough, headers) {
  const answer = await listen(url, path, accept, enough, headers);

  asked++;
  contract.check('GET', path, answer);
  return answer.text;
}

async function eventsAreStreamed({ coarse }) {
  const path = `/v1/runs/${coarse.run}/events`;
  const page = (await read(path)).events;
  const kinds = new Set((await pages('/v1/events', 'events', 'after', 500)).map(({ kind }) => kind));

  assert.deepEqual(await pages(path, 'events', 'after', 3), page);
  const sse = events(await listenTo(path, 'text/event-stream'));
  const last = sse.pop();

  assert.deepEqual(sse.map(({ data }) => JSON.parse(data)), page);
  for (const { id, event, data } of sse) {
    contract.component('Event', JSON.parse(data), `event ${id}`);
    assert.equal(id, String(JSON.parse(data).id));
    assert.equal(event, JSON.parse(data).kind);
  }
  assert.equal(last.event, 'end');
  contract.component('End', JSON.parse(last.data), 'the end');

  const lines = (await listenTo(path, 'application/x-ndjson')).split('\n').filter((line) => line !== '');

  assert.equal(lines.length, page.length + 1);
  for (const line of lines)
    contract.component('StreamLine', JSON.parse(line), line);
  contract.component('EndLine', JSON.parse(lines.at(-1)), 'the last line');

  const newest = String(page.at(-1).id);

  assert.equal(events(await listenTo(path, 'text/event-stream', undefined, { 'Last-Event-ID': newest })).length, 1);
  await call('GET', path, 400, { headers: { Accept: 'text/event-stream', 'Last-Event-ID': 'x' } });
  for (const accept of ['text/event-stream', 'application/x-ndjson']) {
    const text = await listenTo('/v1/events?after=0', accept, (said) => said.split('\n').length > 40);

    assert.ok(text.includes('"kind":"state"'));
  }
  for (const kind of ['state', 'checkpoint', 'preempt', 'priority', 'cancel', 'pause', 'resume', 'retry', 'hold', 'advance'])
    assert.ok(kinds.has(kind), `no event of kind ${kind} was seen`);
}

async function jobsAreDeleted({ job, run: id }) {
  await call('DELETE', `/v1/jobs/${job}`, 204);
  await call('GET', `/v1/jobs/${job}`, 404);
  await call('GET', `/v1/runs/${id}`, 404);
}

/* --- other daemons ------------------------------------------------------------------------ */

/* Tells a story of a daemon of its own. */
async function elsewhere(options, story) {
  const daemon = new Daemon(options);
  const before = url;

  try {
    url = await daemon.url();
    await story();
  } finally {
    url = before;
    await daemon.close();
  }
}

/* The role that the document has for an operation; undefined: none is needed. */
const roleOf = ({ operation: { security = contract.document.security } }) => security[0]?.token[0];

/* Whoever shows no token, or one that may not do it, is told so; whoever may gets through. */
async function rolesAreNeeded(tokens) {
  for (const operation of contract.operations().filter(roleOf)) {
    const method = operation.method.toUpperCase();
    const { target, body } = sample(operation);
    const headers = body ? JSON_TYPE : {};
    const as = (who) => ({ headers: { ...headers, Authorization: `Bearer ${tokens[who].token}` }, body });
    const role = roleOf(operation);

    await call(method, target, 401, { headers, body });
    if (role !== 'read')
      await call(method, target, 403, as('read'));
    if (role === 'admin')
      await call(method, target, 403, as('submit'));
    const { status } = contract.check(method, target, await ask(url, method, target, as(role)));

    assert.ok(![401, 403, 429].includes(status), `${method} ${target}: ${status} for ${role}`);
  }
  await call('GET', '/v1/runs', 401, { headers: { Authorization: 'Bearer nobody' } });
}

async function sessionsAreHeld({ read: { token } }) {
  await post('/v1/session', 401, { token: 'nobody' });
  await post('/v1/session', 400, '{');
  const { json, headers } = await post('/v1/session', 200, { token });
  const cookie = { Cookie: headers['set-cookie'][0].split(';')[0] };

  assert.deepEqual([json.name, json.role], ['read', 'read']);
  await call('GET', '/v1/runs', 200, { headers: cookie });
  await call('DELETE', '/v1/session', 204, { headers: cookie });
  await call('GET', '/v1/runs', 401, { headers: cookie });
  await until('this address has guessed too often', async () =>
    contract.check('POST', '/v1/session', await ask(url, 'POST', '/v1/session',
      { headers: JSON_TYPE, body: '{"token": "guess"}' })).status === 429);
}

/* Two requests of one caller wait at once, and only one may. */
async function patience() {
  const { run: id } = await submit(endless('waited for'));
  const waits = () => ask(url, 'GET', `/v1/runs/${id}?wait=2`);
  const answers = await Promise.all([waits(), waits()]);

  for (const answer of answers)
    contract.check('GET', `/v1/runs/${id}?wait=2`, answer);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 429]);
}

/* Who asks too often is told so, whatever he asks. */
async function haste() {
  for (const operation of contract.operations()) {
    const method = operation.method.toUpperCase();
    const { target, body } = sample(operation);
    const headers = body ? JSON_TYPE : {};

    await until(`${method} ${target} is too much`, async () =>
      contract.check(method, target, await ask(url, method, target, { headers, body })).status === 429);
  }
}

async function callersAreTold() {
  const tokens = Object.fromEntries(['read', 'submit', 'admin'].map((role) => [role, makeToken(role, role)]));

  await elsewhere({ tokens: Object.values(tokens).map(({ line }) => line) }, async () => {
    await rolesAreNeeded(tokens);
    await sessionsAreHeld(tokens);
  });
  await elsewhere({ flags: ['--client-requests', '1'] }, haste);
  await elsewhere({ flags: ['--client-waits', '1'] }, patience);
}

/* --- all of it ---------------------------------------------------------------------------- */

async function tellAll() {
  contract = new Contract(JSON.parse((await ask(url, 'GET', '/v1/openapi.json')).text));
  writeFileSync('tests/contract/work/openapi.json', JSON.stringify(contract.document, null, 2));
  assert.ok(contract.examples() > 5);
  await listsAreEmptyAtFirst();
  await theServerIsDescribed();
  await everyRouteIsStrict();
  await methodsAreTold();
  await copiesAreMade();
  await callersAreTold();
  await submissionsAreRefused();
  await plansAreMade();
  const long = await aLongRunIsSteered();

  await aRunSaysNothing();
  await namesAreKept();
  await runsFail();
  const ladders = await laddersAreTrained();

  await sweepsAreTrained();
  await resultsAreRead(ladders);
  await eventsAreStreamed(ladders);
  await listsAreRead();
  await jobsAreDeleted(long);
  assert.deepEqual(contract.unseen(), [], 'the document promises what was never seen');
}

const daemon = new Daemon();

try {
  url = await daemon.url();
  await tellAll();
  console.log(`${asked} answers are what the document says`);
} finally {
  await daemon.close();
}
