/*
 * story.test.mjs - from a submitted job to the finished model, as a user sees it.
 *
 * ODENET_URL is a daemon to tell it of; without, the fake one is used, which keeps the story
 * itself honest. ODENET_PATIENCE_S is how long the small job may take (300).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startFake } from './fake.mjs';
import { openBrowser, openPage, pixels, until } from './lib.mjs';

const PATIENCE_MS = 1000 * Number(process.env.ODENET_PATIENCE_S ?? 300);

let browser;
let fake = null;
let url;

function spec(name, epochs) {
  return {
    name,
    data: { set: 'strokes', train_size: 2000, test_size: 500 },
    model: { units: [{ channels: 8, blocks: 4 }, { channels: 16, blocks: 4 }] },
    levels: [
      { resolution: 8, blocks: [2, 2], epochs },
      { resolution: 16, blocks: [2, 2], epochs },
      { resolution: 16, blocks: [4, 4], epochs },
    ],
  };
}

async function submit(job) {
  const answer = await fetch(`${url}/v1/jobs`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(job),
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  return (await answer.json()).runs[0].id;
}

before(async () => {
  browser = await openBrowser();
  if (!process.env.ODENET_URL) fake = await startFake(process.env.ODENET_PAGE ?? 'dist');
  url = process.env.ODENET_URL?.replace(/\/$/, '') ?? fake.url;
});
after(async () => {
  await browser.close();
  await fake?.down();
});

test('a job is submitted, climbs its ladder before our eyes, and leaves a model', async () => {
  const tab = await openPage(browser);
  const { page } = tab;
  await page.goto(`${url}/`);
  const id = await submit(spec('story', 2));
  await page.locator(`tr[data-run="${id}"]`).waitFor();
  await page.locator(`tr[data-run="${id}"] a`).click();
  await page.locator(`article[data-run="${id}"]`).waitFor();
  assert.equal(await page.locator('.ladder li').count(), 3);
  const seen = new Set();
  await until('the run has succeeded', async () => {
    for (const state of await page.locator('.ladder li').evaluateAll(
      (all) => all.map((one) => `${one.dataset.level} ${one.dataset.state}`))) seen.add(state);
    return (await page.locator('article').getAttribute('data-run-state')) === 'succeeded';
  }, PATIENCE_MS);
  assert.ok([0, 1, 2].some((level) => seen.has(`${level} running`)), `states seen: ${[...seen]}`);
  await until('all levels are done', async () =>
    (await page.locator('.ladder li[data-state=done]').count()) === 3);
  assert.equal(await page.locator('table.levels td', { hasText: '→' }).count(), 4);
  for (const title of ['Loss', 'Accuracy']) {
    await until(`${title} has curves`, async () =>
      (await pixels(page, title, '--train')) > 50 && (await pixels(page, title, '--test')) > 20);
  }
  const link = page.getByRole('link', { name: /model\.safetensors/ });
  const model = await fetch(new URL(await link.getAttribute('href'), url));
  assert.equal(model.status, 200);
  assert.ok((await model.arrayBuffer()).byteLength > 0);
  tab.complaints();
  await tab.close();
});

test('a run is cancelled from its page', async () => {
  const id = await submit(spec('to be cancelled', 1000));
  const tab = await openPage(browser);
  const { page } = tab;
  await page.goto(`${url}/runs/${id}`);
  await page.locator('article[data-run-state=running]').waitFor();
  await page.locator('.cancel > button').click();
  await page.getByRole('button', { name: 'Cancel the run' }).click();
  await page.locator('article[data-run-state=cancelled]').waitFor();
  tab.complaints();
  await tab.close();
});
