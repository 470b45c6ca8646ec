/* document.mjs - holds answers to the OpenAPI document, and remembers what was seen of it.
 *
 * The published schemas are open, as clients are to ignore members that they do not know.
 * Here they are closed: a member, a header or a status that the document does not have fails.
 */
import assert from 'node:assert/strict';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/* Headers that HTTP or the server's manners bring with every answer. */
const COMMON = new Set(['cache-control', 'connection', 'content-length', 'content-security-policy',
  'content-type', 'cross-origin-opener-policy', 'cross-origin-resource-policy', 'date', 'keep-alive',
  'ratelimit', 'ratelimit-policy', 'referrer-policy', 'transfer-encoding', 'vary', 'x-content-type-options']);

const METHODS = ['get', 'post', 'patch', 'delete', 'put'];
const SCHEMAS = '#/components/schemas/';
const IN_PLACE = ['allOf', 'dependentSchemas', 'if', 'then', 'else', 'not'];

/* The schema's copy that allows no member which it does not name. A part of a schema that
 * looks at the same object as the whole stays open, and the whole closes behind it. */
function closed(schema, all, open = false) {
  if (Array.isArray(schema))
    return schema.map((item) => closed(item, all, open));
  if (typeof schema !== 'object' || schema === null)
    return schema;
  if (schema.$ref?.startsWith(SCHEMAS)) {
    const name = schema.$ref.slice(SCHEMAS.length);

    assert.ok(all[name], `${schema.$ref} is not in the document`);
    return open ? closed(all[name], all, true) : { $ref: `strict#/$defs/${name}` };
  }
  const copy = {};

  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' || key === 'dependentSchemas')
      copy[key] = Object.fromEntries(Object.entries(value).map(([name, one]) =>
        [name, closed(one, all, key === 'dependentSchemas')]));
    else if (['enum', 'const', 'default', 'required', 'x-meanings'].includes(key))
      copy[key] = value;
    else
      copy[key] = closed(value, all, IN_PLACE.includes(key));
  }
  if (!open && (copy.properties || copy.allOf) && copy.additionalProperties === undefined)
    copy.unevaluatedProperties = false;
  return copy;
}

export class Contract {
  constructor(document) {
    this.document = document;
    this.schemas = document.components.schemas;
    this.ajv = new Ajv({ allErrors: true, strictTypes: false, strictRequired: false });
    addFormats(this.ajv);
    this.ajv.addVocabulary(['x-meanings', 'x-unit']);
    this.ajv.addSchema({ $id: 'strict', $defs: closed(this.schemas, this.schemas) });
    this.compiled = new Map();
    this.seen = new Set();
  }

  /* What a "#/..." stands for. */
  resolve(value) {
    if (value?.$ref === undefined)
      return value;
    return value.$ref.slice(2).split('/').reduce((at, key) => at[key], this.document);
  }

  validate(schema, value, what) {
    if (!this.compiled.has(schema))
      this.compiled.set(schema, this.ajv.compile(closed(schema, this.schemas)));
    const valid = this.compiled.get(schema);

    assert.ok(valid(value), `${what} is not what the document says: `
      + this.ajv.errorsText(valid.errors) + `\n${JSON.stringify(value).slice(0, 3000)}`);
  }

  /* A value of the component, as an event of a stream. */
  component(name, value, what) {
    this.validate(this.schemas[name], value, what);
  }

  /* [pattern, path item] of a path of a request. */
  path(target) {
    const parts = target.split('?')[0].split('/');

    return Object.entries(this.document.paths).find(([pattern]) => {
      const names = pattern.split('/');

      return names.length === parts.length
        && names.every((name, i) => name.startsWith('{') || name === parts[i]);
    });
  }

  /* {pattern, method, operation, parameters} of every operation. */
  operations() {
    return Object.entries(this.document.paths).flatMap(([pattern, item]) =>
      METHODS.filter((method) => item[method]).map((method) => ({
        pattern,
        method,
        operation: item[method],
        parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])]
          .map((one) => this.resolve(one)),
      })));
  }

  methods(pattern) {
    const has = METHODS.filter((method) => this.document.paths[pattern][method])
      .map((method) => method.toUpperCase());

    return [...has.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : name)), 'OPTIONS'];
  }

  /* The daemon has taken this body, so the document must have it, too. */
  taken(method, target, type, body) {
    const [pattern, item] = this.path(target);
    const { requestBody } = item[method.toLowerCase()];
    const media = this.resolve(requestBody)?.content[type];

    assert.ok(media, `${method} ${target} takes ${type}, and the document has no such body`);
    this.validate(media.schema, JSON.parse(body), `what ${method} ${target} takes`);
    this.seen.add(`${method.toLowerCase()} ${pattern} takes ${type}`);
  }

  /* The answer is one that the document has for this request. */
  check(method, target, answer) {
    const what = `${method} ${target}: ${answer.status}`;
    const name = method === 'HEAD' ? 'get' : method.toLowerCase();
    const [pattern, item] = this.path(target) ?? [];

    assert.ok(item?.[name], `${what}: the document has no such operation`);
    const { responses } = item[name];
    const own = responses[answer.status];

    assert.ok(own || answer.status >= 400, `${what} is not in the document`);
    const type = this.answer(own ?? responses.default, method, answer, what);

    if (method !== 'HEAD')
      this.seen.add([name, pattern, own ? answer.status : 'default', type].join(' '));
    if (answer.status < 300)
      for (const parameter of new URLSearchParams(target.split('?')[1]).keys())
        this.seen.add(`${name} ${pattern}?${parameter}`);
    return answer;
  }

  /* The answer is this response; gives its type, "" for none. */
  answer(reference, method, answer, what) {
    const response = this.resolve(reference);
    const type = (answer.headers['content-type'] ?? '').split(';')[0];
    const types = Object.keys(response.content ?? {});

    this.headers(response, answer, what);
    if (types.length === 0) {
      assert.equal(answer.text, '', `${what} has a body`);
      return '';
    }
    assert.ok(types.includes(type), `${what} is ${type}, the document has ${types}`);
    if (method === 'HEAD')
      assert.equal(answer.text, '', `${what} has a body`);
    else
      this.body(response, type, answer, what);
    return type;
  }

  headers(response, answer, what) {
    const known = Object.entries(response.headers ?? {});

    for (const [name, reference] of known) {
      const header = this.resolve(reference);
      const text = answer.headers[name.toLowerCase()]?.toString(); // of Set-Cookie a list

      assert.ok(text !== undefined || !header.required, `${what} has no ${name}`);
      if (text === undefined)
        continue;
      this.validate(header.schema,
        this.resolve(header.schema).type === 'integer' ? Number(text) : text, `${what}: ${name}`);
      this.seen.add(`header ${name}`);
    }
    for (const name of Object.keys(answer.headers))
      assert.ok(COMMON.has(name) || known.some(([one]) => one.toLowerCase() === name),
        `${what}: the document does not know the header ${name}`);
  }

  body(response, type, answer, what) {
    const { schema } = response.content[type];

    if (type === 'text/event-stream' || type === 'application/x-ndjson')
      return; // piece by piece, by whom listens
    if (!type.endsWith('json')) {
      this.validate(schema, answer.text, what);
      return;
    }
    answer.json = JSON.parse(answer.text);
    this.validate(schema, answer.json, what);
    if (type === 'application/problem+json')
      this.problem(response, answer, what);
  }

  problem(response, answer, what) {
    const { type, status, instance } = answer.json;
    const slug = type.slice(type.lastIndexOf('/') + 1);

    assert.equal(status, answer.status, what);
    assert.equal(instance, answer.headers['x-request-id'], what);
    assert.ok(response.description.includes(`\`${slug}\``), `${what} is ${slug}: "${response.description}"`);
    this.seen.add(`problem ${slug}`);
  }

  /* Examples of the document that are not what its schemas say fail. */
  examples() {
    let n = 0;

    for (const { pattern, method, operation } of this.operations())
      for (const response of [operation.requestBody, ...Object.values(operation.responses)])
        for (const media of Object.values(this.resolve(response ?? {}).content ?? {}))
          for (const example of Object.values(media.examples ?? {})) {
            this.validate(media.schema, this.resolve(example).value, `example of ${method} ${pattern}`);
            n++;
          }
    return n;
  }

  /* Each status of an operation but those of the server's own failures, in each type. */
  answers({ pattern, method, operation }) {
    return Object.entries(operation.responses).flatMap(([status, reference]) => {
      const types = Object.keys(this.resolve(reference).content ?? { '': 1 });

      return status === 'default' || status >= 500 ? []
        : types.map((type) => [method, pattern, status, type].join(' '));
    });
  }

  /* The headers of all responses. */
  headerNames() {
    const responses = [...Object.values(this.document.components.responses),
      ...this.operations().flatMap(({ operation }) => Object.values(operation.responses))];

    return [...new Set(responses.flatMap((response) => Object.keys(this.resolve(response).headers ?? {})))];
  }

  /* What the document promises, and was not seen: answers, bodies and parameters that were taken,
   * headers, and problems but the server's own failure. */
  unseen() {
    const operations = this.operations();
    const queries = operations.flatMap(({ pattern, method, parameters }) =>
      parameters.filter(({ in: where }) => where === 'query').map(({ name }) => `${method} ${pattern}?${name}`));
    const bodies = operations.flatMap(({ pattern, method, operation }) =>
      Object.keys(this.resolve(operation.requestBody)?.content ?? {}).map((type) => `${method} ${pattern} takes ${type}`));
    const slugs = this.schemas.ProblemKind.properties.type.enum.map((type) => type.slice('/problems/'.length));

    return [
      ...operations.flatMap((operation) => this.answers(operation)),
      ...queries,
      ...bodies,
      ...this.headerNames().map((name) => `header ${name}`),
      ...slugs.filter((slug) => slug !== 'internal').map((slug) => `problem ${slug}`),
    ].filter((one) => !this.seen.has(one));
  }
}
