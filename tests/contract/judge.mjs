/* judge.mjs - the reader of job specs and ajv, with the printed schema, judge alike.
 *
 *     node judge.mjs JUDGE SCHEMA [COUNT [SEED]]
 *
 * JUDGE is the program schema-judge, SCHEMA the JSON Schema. Both are given the same specs, and
 * must agree on each: whether it is good, and if not, at which places.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';

import { Specs } from './specs.mjs';

const [program, file, count = 6000, seed = 1] = process.argv.slice(2);
const schema = JSON.parse(readFileSync(file, 'utf8'));
const ajv = new Ajv({ allErrors: true, strictTypes: false, strictRequired: false, verbose: true });

ajv.addVocabulary(['x-meanings', 'x-unit']);

const valid = ajv.compile(schema);
const keywords = new Map();
const RUNS_MAX = 100; // of a sweep
const { maxItems: VALUES_MAX } = schema.properties.sweep.properties.grid.additionalProperties;

const escaped = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');
const above = (pointer) => pointer.slice(0, pointer.lastIndexOf('/'));

/* {pointer, rule}: where the reader would point at. rule: the member that another one's choice
 * forbids is there, and ajv points at the choice. */
function place({ keyword, instancePath, params, propertyName, schemaPath }) {
  const [, member] = /\/dependentSchemas\/([^/]+)\//.exec(schemaPath) ?? [];

  if (member !== undefined) {
    const object = keyword === 'required' ? instancePath : above(instancePath);

    return { pointer: `${object}/${member}`, pick: keyword === 'required' ? `${object}/${params.missingProperty}` : instancePath };
  }
  const name = keyword === 'propertyNames' ? params.propertyName : propertyName;

  if (name !== undefined)
    return { pointer: `${instancePath}/${escaped(name)}` };
  if (keyword === 'required')
    return { pointer: `${instancePath}/${escaped(params.missingProperty)}` };
  if (keyword === 'additionalProperties')
    return { pointer: `${instancePath}/${escaped(params.additionalProperty)}` };
  return { pointer: instancePath };
}

/* Of a list that may be the word "auto" ajv tells what is wrong with either; the reader takes a
 * list for a list, and all else for no list. */
function relevant({ schemaPath, keyword, instancePath, parentSchema }, spec) {
  if (!schemaPath.startsWith('#/properties/levels/anyOf') || schemaPath.includes('dependentSchemas/budget'))
    return true;
  if (instancePath === '/levels' && (keyword === 'anyOf' || parentSchema.const === 'auto'))
    return keyword === 'anyOf' && !Array.isArray(spec.levels);
  return Array.isArray(spec.levels) || keyword === 'anyOf';
}

/* What no schema says of a sweep: that all lies within the empty pointer; how many combinations
 * there may be; and how many may be promoted, if nothing else is wrong with it. */
function tied({ sweep }, places) {
  const inner = Object.hasOwn(Object(sweep?.grid), '')
    ? Object.keys(sweep.grid).map((pointer) => `/sweep/grid/${escaped(pointer)}`) : [];
  const lists = Object.values(sweep?.grid ?? {})
    .filter((list) => Array.isArray(list) && list.length >= 1 && list.length <= VALUES_MAX);
  const runs = lists.reduce((product, list) => product * list.length, 1);

  if (runs > RUNS_MAX)
    return [...inner, '/sweep/grid'];
  return !places.some((place) => `${place}/`.startsWith('/sweep/')) && sweep?.promote?.best > runs ? ['/sweep/promote/best'] : inner;
}

/* All that the reader is to complain of. */
function expected(spec) {
  const places = faulty(spec);

  return [...new Set([...places, ...tied(Object(spec), places)])].sort();
}

/* The places that ajv finds. */
function faulty(spec) {
  if (valid(spec))
    return [];
  const errors = valid.errors.filter((error) => relevant(error, spec));
  const places = errors.map(place);
  const own = new Set(places.filter(({ pick }) => !pick).map(({ pointer }) => pointer));
  const wrong = errors.filter(({ keyword }) => keyword === 'maxItems' || keyword === 'minItems')
    .map(({ instancePath }) => `${instancePath}/`);

  for (const { keyword } of errors)
    keywords.set(keyword, (keywords.get(keyword) ?? 0) + 1);
  /* A choice that is no choice at all is told once, but for a list that is one, if a wrong one;
   * and what a list of a wrong length holds is not looked at. */
  const listed = (pick) => pick === '/levels' && Array.isArray(spec.levels);

  return [...new Set(places.filter(({ pick }) => !pick || !own.has(pick) || listed(pick)).map(({ pointer }) => pointer))]
    .filter((pointer) => !wrong.some((list) => pointer.startsWith(list)));
}

const specs = new Specs(schema, Number(seed));
const texts = Array.from({ length: Number(count) }, () => specs.spec());
const { stdout, stderr, status } = spawnSync(program, { input: `${texts.join('\n')}\n`, maxBuffer: 1 << 30 });

assert.equal(status, 0, String(stderr));
const verdicts = String(stdout).trimEnd().split('\n').map((line) => [...new Set(JSON.parse(line))].sort());
let good = 0, apart = 0;

assert.equal(verdicts.length, texts.length);
texts.forEach((text, i) => {
  const places = expected(JSON.parse(text));

  good += places.length === 0;
  try {
    assert.deepEqual(verdicts[i], places);
  } catch {
    if (++apart <= 5)
      console.log(`spec ${i} of seed ${seed}: ${text.slice(0, 2000)}\n  the reader complains at ${JSON.stringify(verdicts[i])}`
        + `\n  ajv complains at ${JSON.stringify(places)}: ${ajv.errorsText(valid.errors).slice(0, 500)}`);
  }
});
console.log(`${texts.length} specs, ${good} of them good: ${apart} judged apart`);
assert.equal(apart, 0);
assert.ok(good > count / 5 && good < count / 2, 'too few of a kind');
for (const keyword of ['type', 'enum', 'minimum', 'maximum', 'minItems', 'maxItems', 'maxLength', 'pattern',
  'required', 'additionalProperties', 'const', 'minProperties', 'maxProperties', 'propertyNames'])
  assert.ok(keywords.get(keyword) > 10, `${keyword}: hardly ever broken`);
