/*
 * page.test.mjs - the dashboard in a browser, against the fake daemon of fake.mjs.
 *
 * ODENET_PAGE is the folder of the built page. ODENET_SHOTS, where set, is a folder that
 * receives screenshots.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { makeRun, showcase, startFake } from './fake.mjs';
import { openBrowser, openPage, pixels, until } from './lib.mjs';

const shots = process.env.ODENET_SHOTS;
let browser;
let fake;
let tab;

async function open(path, options) {
  tab = await openPage(browser, options);
  await tab.page.goto(fake.url + path);
  return tab.page;
}

async function text(page, selector) {
  return (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ').trim();
}

before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());
beforeEach(async () => {
  fake = await startFake(process.env.ODENET_PAGE ?? 'dist');
  tab = null;
});
afterEach(async () => {
  await tab?.close();
  await fake.down();
});

test('an empty list teaches how to submit a run, and notices the first one', async () => {
  const page = await open('/');
  const line = await text(page, '.teach pre');
  assert.match(line, /^curl http:\/\/127\.0\.0\.1:\d+\/v1\/jobs /);
  const spec = JSON.parse(/-d '(.*)'$/.exec(line)[1]);
  assert.ok(spec.levels.length >= 2);
  fake.add(makeRun({ step: 10 }));
  await page.locator('tr[data-run]').waitFor();
  assert.equal(await page.locator('.teach').count(), 0);
  tab.complaints();
});

test('the list shows state, ladder, progress and accuracy of each run', async () => {
  fake.add(...showcase());
  const page = await open('/');
  await page.locator('tr[data-run]').nth(4).waitFor();
  const states = await page.locator('tr[data-run] [data-state]').allInnerTexts();
  assert.deepEqual(states, ['running', 'queued', 'succeeded', 'failed', 'cancelled']);
  const first = page.locator('tr[data-run]').first();
  assert.match(await first.innerText(), /level 3 of 3/);
  assert.match(await first.innerText(), /32 px · 6-6-6/);
  assert.match(await first.innerText(), /\d\d\.\d%/);
  assert.match(await first.innerText(), /left/);
  assert.equal(await first.locator('.small-ladder rect').count(), 3);
  assert.deepEqual(
    await first.locator('.small-ladder rect').evaluateAll((all) => all.map((one) => one.getAttribute('class'))),
    ['done', 'done', 'running']);
  const bar = await first.locator('progress').evaluate((one) => one.value);
  assert.ok(Math.abs(bar - 30_500 / 76_500) < 0.01, `progress ${bar}`);
  tab.complaints();
});

test('the small ladder stands taller where levels are finer', async () => {
  fake.add(makeRun({ step: 1040 }));
  const page = await open('/');
  const tops = await until('the plan is drawn', async () => {
    const list = await page.locator('.small-ladder rect')
      .evaluateAll((all) => all.map((one) => Number(one.getAttribute('height'))));
    return list.length === 3 && list[0] === list[1] && list;
  });
  assert.ok(tops[2] > tops[1] * 1.2, `heights ${tops}`);
});

test('a long list is shown page by page, without gaps when runs arrive', async () => {
  fake.add(...Array.from({ length: 120 }, (_, i) => makeRun({ name: `run-${i}`, state: 'succeeded', step: 1500 })));
  const page = await open('/');
  const rows = page.locator('tr[data-run]');
  await until('the first page is there', async () => (await rows.count()) === 50);
  await page.getByRole('button', { name: 'Show older runs' }).click();
  await until('two pages are there', async () => (await rows.count()) === 100);
  fake.add(makeRun({ name: 'newcomer' }));
  await until('the newcomer is there', async () =>
    (await rows.first().innerText()).includes('newcomer'));
  const seam = await until('the pages meet', async () => {
    const list = await rows.evaluateAll((all) => all.map((one) => one.dataset.run));
    return list[99] === fake.runs[99].id && list;
  });
  assert.deepEqual(seam, fake.runs.slice(0, 100).map((run) => run.id));
});

test('a click leads to the run and back without loading the page again', async () => {
  fake.add(...showcase());
  const page = await open('/');
  await page.getByRole('link', { name: 'cifar10-hamiltonian' }).click();
  await page.locator('h1', { hasText: 'cifar10-hamiltonian' }).waitFor();
  assert.equal(new URL(page.url()).pathname, `/runs/${fake.runs[0].id}`);
  await page.goBack();
  await page.locator('h1', { hasText: 'Runs' }).waitFor();
  assert.equal(fake.requests.filter((one) => one === 'GET /').length, 1);
  tab.complaints();
});

test('the run page draws the ladder and says it as a table', async () => {
  const run = fake.add(makeRun({ step: 1040 }));
  const page = await open(`/runs/${run.id}`);
  const levels = page.locator('.ladder li');
  await levels.nth(2).waitFor();
  await until('the plan has come', async () => (await levels.nth(2).getAttribute('data-state')) === 'running');
  assert.deepEqual(await levels.evaluateAll((all) => all.map((one) => one.dataset.state)),
    ['done', 'done', 'running']);
  assert.equal(await levels.nth(0).locator('.hollow').count(), 9);
  assert.equal(await levels.nth(1).locator('.hollow').count(), 18);
  const tall = await levels.locator('.hollow:first-child').evaluateAll(
    (all) => Math.max(...all.map((one) => one.getBBox().height)));
  const low = await levels.nth(0).locator('.hollow').first().evaluate((one) => one.getBBox().height);
  assert.ok(Math.abs(tall / low - 2) < 0.01, 'twice the resolution is twice as tall');
  assert.match(await levels.nth(2).innerText(), /2× resolution/);
  const rows = page.locator('table.levels tbody tr');
  assert.equal(await rows.count(), 3);
  assert.match(await rows.nth(1).innerText(), /428,538/);
  assert.match(await rows.nth(2).innerText(), /76\.8% →\s+to\s+65\.8%/);
  tab.complaints();
});

test('charts show both curves, and a band for each level', async () => {
  const run = fake.add(makeRun({ step: 1040 }));
  const page = await open(`/runs/${run.id}`);
  for (const title of ['Loss', 'Accuracy']) {
    await page.locator(`[data-chart="${title}"] canvas`).waitFor();
    await until(`${title} has a train curve`, async () => (await pixels(page, title, '--train')) > 100);
    await until(`${title} has a test curve`, async () => (await pixels(page, title, '--test')) > 50);
    const label = await page.locator(`[data-chart="${title}"] [role=img]`).getAttribute('aria-label');
    assert.match(label, /train .*\d/);
  }
  const tints = await page.evaluate(() => {
    const { data, width } = window.readChart('Loss');
    const y = 2; // above the labels
    const row = [];
    for (let x = 0; x < width; x++) {
      const alpha = data[4 * (y * width + x) + 3];
      row.push(alpha > 0 && alpha < 60);
    }
    return row.reduce((runs, tinted, x) => (tinted && !row[x - 1] ? runs + 1 : runs), 0);
  });
  assert.equal(tints, 2, 'the first and the third level are tinted');
  tab.complaints();
});

test('the charts can be seen against work and time, and loss logarithmically', async () => {
  const run = fake.add(makeRun({ step: 1040 }));
  const page = await open(`/runs/${run.id}`);
  const where = page.locator('[data-chart="Loss"] .where');
  await until('the newest step is named', async () => (await where.innerText()) === 'step 1,040');
  await page.getByText('Work', { exact: true }).last().click();
  await until('work is named', async () => (await where.innerText()) === 'work 30.5K');
  await page.getByLabel('Log loss').check();
  await page.getByText('Time', { exact: true }).last().click();
  await until('time is named', async () => (await where.innerText()) === 'time 1 min 16 s');
  await until('the curve is still there', async () => (await pixels(page, 'Loss', '--train')) > 100);
  tab.complaints();
});

test('a pointer on a chart reads the values there', async () => {
  const run = fake.add(makeRun({ step: 1500, state: 'succeeded' }));
  const page = await open(`/runs/${run.id}`);
  const where = page.locator('[data-chart="Loss"] .where');
  await until('the end is named', async () => (await where.innerText()) === 'step 1,500');
  await page.locator('[data-chart="Loss"] .u-over').hover({ position: { x: 100, y: 60 } });
  await until('another step is named', async () => {
    const step = Number((await where.innerText()).replace(/\D/g, ''));
    return step > 0 && step < 700;
  });
});

test('new levels, values, log lines and the end arrive by themselves', async () => {
  const run = fake.add(makeRun({ step: 590 }));
  const page = await open(`/runs/${run.id}`);
  const levels = page.locator('.ladder li');
  await until('level 1 trains', async () => (await levels.first().getAttribute('data-state')) === 'running');
  run.step = 700;
  await until('level 2 trains', async () => (await levels.nth(1).getAttribute('data-state')) === 'running');
  assert.equal(await levels.first().getAttribute('data-state'), 'done');
  await until('the chart follows', async () =>
    (await text(page, '[data-chart="Loss"] .where')) === 'step 700');
  await until('the log follows', async () => (await text(page, '[data-log]')).includes('step 700'));
  assert.match(await page.title(), /^\d+% · cifar10-hamiltonian/);
  run.step = 1500;
  run.state = 'succeeded';
  await page.locator('article[data-run-state=succeeded]').waitFor();
  const model = page.getByRole('link', { name: /model\.safetensors/ });
  assert.equal(await model.getAttribute('href'), `/v1/runs/${run.id}/artifacts/model.safetensors`);
  await until('all levels are done', async () => (await levels.evaluateAll(
    (all) => all.every((one) => one.dataset.state === 'done'))));
  await until('the log is complete', async () => (await text(page, '[data-log]')).includes('step 1500'));
  assert.equal(fake.requests.filter((one) => one.endsWith(`/runs/${run.id}`) && !one.includes('/v1/')).length, 1);
  tab.complaints();
});

test('the log stops following where one scrolls up, and goes on at its end', async () => {
  const run = fake.add(makeRun({ step: 1000 }));
  const page = await open(`/runs/${run.id}`);
  const log = page.locator('[data-log]');
  const follow = page.getByLabel('Follow');
  const atEnd = () => log.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight < 2);
  await until('the log stands at its end', async () => (await text(page, '[data-log]')).includes('step 1000') && atEnd());
  await log.evaluate((one) => { one.scrollTop = 0; });
  await until('it follows no more', async () => !(await follow.isChecked()));
  run.step = 1100;
  await until('new lines came', async () => (await text(page, '[data-log]')).includes('step 1100'));
  assert.equal(await log.evaluate((one) => one.scrollTop), 0);
  await follow.check();
  await until('it stands at its end again', atEnd);
});

test('cancelling asks first, posts once and shows the outcome', async () => {
  const run = fake.add(makeRun({ step: 300 }));
  const page = await open(`/runs/${run.id}`);
  const button = page.locator('.cancel > button');
  await button.click();
  await page.getByRole('button', { name: 'Keep it running' }).click();
  assert.deepEqual(fake.posts, []);
  await button.click();
  await page.getByRole('button', { name: 'Cancel the run' }).click();
  await page.locator('article[data-run-state=cancelled]').waitFor();
  assert.deepEqual(fake.posts, [`POST ${run.id}`]);
  assert.ok(await button.isDisabled());
  assert.equal(await button.getAttribute('title'), 'This run has been cancelled.');
  tab.complaints();
});

test('cancelling works with the keyboard alone', async () => {
  const run = fake.add(makeRun({ step: 300 }));
  const page = await open(`/runs/${run.id}`);
  await page.locator('.cancel > button').focus();
  await page.keyboard.press('Enter');
  await page.locator('dialog[open]').waitFor();
  await page.keyboard.press('Escape');
  await until('the dialog is closed', async () => (await page.locator('dialog[open]').count()) === 0);
  assert.deepEqual(fake.posts, []);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('article[data-run-state=cancelled]').waitFor();
});

test('a failed run says what went wrong and where', async () => {
  fake.add(...showcase());
  const run = fake.runs.find((one) => one.state === 'failed');
  const page = await open(`/runs/${run.id}`);
  const error = await text(page, '[data-error]');
  assert.match(error, /the loss became infinite/);
  assert.match(error, /EDIVERGE at level 1, step 430/);
  assert.ok(await page.locator('.cancel > button').isDisabled());
  await until('the ladder shows where', async () => (await page.locator('.ladder li.broken').count()) === 1);
  tab.complaints();
});

test('a queued run without a plan shows the ladder of its spec and why it waits', async () => {
  const run = fake.add(makeRun({ state: 'queued', reason: 'waiting for a free slot', planned: false }));
  const page = await open(`/runs/${run.id}`);
  await page.locator('.ladder li').nth(2).waitFor();
  assert.match(await text(page, '.notice'), /waiting for a free slot/);
  assert.match(await text(page, '[data-chart="Loss"]'), /first values/);
  tab.complaints();
});

test('while the daemon is away the page says so, and catches up when it is back', async () => {
  const run = fake.add(makeRun({ step: 300 }));
  const page = await open(`/runs/${run.id}`);
  await until('it shows step 300', async () => (await text(page, '.figures')).includes('300'));
  await fake.down();
  await page.locator('.away').waitFor();
  assert.match(await text(page, '.away'), /does not answer/);
  assert.match(await text(page, '.figures'), /300/, 'what was known stays');
  run.step = 800;
  await fake.up();
  await until('it shows step 800', async () => (await text(page, '.figures')).includes('800'));
  assert.equal(await page.locator('.away').count(), 0);
  tab.complaints({ away: true });
});

test('one need not wait until the daemon is asked again', async () => {
  const run = fake.add(makeRun({ step: 300 }));
  tab = await openPage(browser);
  const { page } = tab;
  await page.clock.install();
  await page.goto(`${fake.url}/runs/${run.id}`);
  await until('it shows step 300', async () => (await text(page, '.figures')).includes('300'));
  await fake.down();
  await page.locator('.away').waitFor();
  await page.clock.pauseAt(Date.now() + 60_000); // from now on nothing happens by itself
  await until('it waits', async () => (await text(page, '.away')).includes('Asking again'));
  run.step = 800;
  await fake.up();
  await page.getByRole('button', { name: 'Ask now' }).click();
  await until('it shows step 800', async () => (await text(page, '.figures')).includes('800'));
});

test('one request at a time for each document, and none for what has not changed', async () => {
  const run = fake.add(makeRun({ step: 300 }));
  const page = await open(`/runs/${run.id}`);
  await page.locator('.plot canvas').first().waitFor();
  await until('unchanged documents are answered so', () => fake.notModified >= 6);
  assert.equal(fake.mostAtOnce, 1);
  run.state = 'succeeded';
  run.step = 1500;
  await page.locator('article[data-run-state=succeeded]').waitFor();
  tab.complaints();
});

test('where a token is wanted the page asks for it, and goes on where one was', async () => {
  fake.token = 'odenet_secret';
  const run = fake.add(makeRun({ name: 'guarded', step: 10 }));
  const page = await open(`/runs/${run.id}`);
  await page.getByLabel('Token').fill('odenet_wrong');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('.login [role=alert]').waitFor();
  assert.match(await text(page, '.login [role=alert]'), /not known here/);
  await page.getByLabel('Token').fill(' odenet_secret ');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'guarded' }).waitFor();
  assert.equal(await page.locator('.login').count(), 0);
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees the cookie');
  fake.token = 'another'; // as a daemon that has forgotten its sessions
  await page.getByLabel('Token').waitFor();
  tab.complaints({ refused: true });
});

test('an unknown run and an unknown page are said to be so', async () => {
  const page = await open('/runs/01hzzzzzzzzzzzzzzzzzzzzzzz');
  await page.locator('h1', { hasText: 'No such run' }).waitFor();
  await page.goto(`${fake.url}/nowhere`);
  await page.locator('h1', { hasText: 'No such page' }).waitFor();
  await page.getByRole('link', { name: 'All runs' }).click();
  await page.locator('.teach').waitFor();
  tab.complaints({ missing: true });
});

for (const [width, scheme] of [[390, 'light'], [390, 'dark'], [320, 'light'], [1280, 'light'], [1280, 'dark']]) {
  test(`nothing sticks out at ${width} pixels, ${scheme}`, async () => {
    fake.add(...showcase());
    const page = await open('/', { viewport: { width, height: 844 }, colorScheme: scheme });
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    await page.locator('tr[data-run]').nth(4).waitFor();
    await until('the ladders are drawn', async () =>
      (await page.locator('.small-ladder rect').count()) >= 16);
    assert.ok(await fits(), 'the list');
    if (shots) await shoot(page, `list-${width}-${scheme}`);
    for (const run of [fake.runs[0], fake.runs[2], fake.runs[3]]) {
      await page.goto(`${fake.url}/runs/${run.id}`);
      await until('the chart is drawn', async () =>
        (await page.locator('.plot canvas').count()) === 2 && (await pixels(page, 'Loss', '--train')) > 50);
      assert.ok(await fits(), run.name);
      if (shots) await shoot(page, `${run.name}-${width}-${scheme}`);
    }
    tab.complaints();
  });
}

async function shoot(page, name) {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}
