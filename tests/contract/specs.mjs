/* specs.mjs - job specs, good and bad, made from their JSON Schema.
 *
 * Everything follows from the seed. A spec is made of what the schema allows, and then some of
 * it is spoilt: a type, a bound, a word, a member too many or too few. It is a text, as numbers
 * can be written in more ways than one.
 */

/* Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed) {
  let state = seed >>> 0;

  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);

    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/* A number as it is written. */
class Spelling {
  constructor(text) {
    this.text = text;
  }
}

const isObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Spelling);

function write(value) {
  if (value instanceof Spelling)
    return value.text;
  if (Array.isArray(value))
    return `[${value.map(write).join(', ')}]`;
  if (isObject(value))
    return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${write(one)}`).join(', ')}}`;
  return JSON.stringify(value);
}

const LETTERS = ['a', 'Z', '7', ' ', '"', '\\', 'é', 'λ', '語', '🙂', '\u0085', '\u2028'];
const CONTROL = ['\u0001', '\t', '\n', '\u001f', '\u007f'];
/* Places of a spec, none within another, and what is no place. */
const POINTERS = ['/seed', '/name', '/priority', '/model/step', '/model/units', '/levels', '/train/batch', '/train/lr/peak',
  '/a~1b', '/m~0n', '/λ', '/sweeps', '//'];
const NO_POINTERS = ['', 'seed', '#/seed', '/a~', '/a~2', '/sweep', '/sweep/grid', ' /seed'];
const STRANGERS = ['colour', 'Name', 'levels ', 'a/b', 'm~n', '', '0', 'toString', 'constructor', '__proto__'];

export class Specs {
  constructor(schema, seed) {
    this.schema = schema;
    this.next = random(seed);
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  chance(part) {
    return this.next() < part;
  }

  one(list) {
    return list[this.below(list.length)];
  }

  /* --- good ones ------------------------------------------------------------------------- */

  number({ minimum, maximum, default: preset, type }) {
    const whole = type === 'integer';
    const near = [minimum, maximum, preset ?? minimum, minimum + (whole ? 1 : (maximum - minimum) / 1e6)];
    const x = this.chance(0.5) ? this.one(near) : minimum + this.next() * (maximum - minimum);
    const value = whole ? Math.floor(x) : x;

    return this.chance(0.15) ? this.spelt(value) : value;
  }

  /* The same number, written in another way. */
  spelt(value) {
    const ways = [`${value}`, value.toExponential(), value.toExponential().toUpperCase()];

    if (Number.isInteger(value) && Math.abs(value) < 1e15)
      ways.push(`${value}.0`, `${value}.000e+0`, value === 0 ? '-0' : `${value}0e-1`);
    return new Spelling(this.one(ways));
  }

  text({ maxLength }) {
    const n = this.chance(0.3) ? maxLength : this.below(Math.min(maxLength, 12));

    return Array.from({ length: n }, () => this.one(LETTERS)).join('');
  }

  list({ items, minItems, maxItems }) {
    const n = this.chance(0.1) ? maxItems : minItems + this.below(Math.min(maxItems - minItems, 3) + 1);

    return Array.from({ length: n }, () => this.value(items));
  }

  object(schema) {
    const made = {};

    for (const [name, one] of Object.entries(schema.properties))
      if (schema.required?.includes(name) || this.chance(0.35))
        made[name] = this.value(one);
    /* What a member depends on is made so; of two that want different things the last wins,
     * and the other goes. */
    for (const [name, rule] of Object.entries(schema.dependentSchemas ?? {})) {
      const [[pick, { const: wanted }]] = Object.entries(rule.properties);

      if (name in made && this.chance(0.9)) {
        if (this.chance(0.5) || typeof schema.properties[pick].enum === 'undefined')
          made[pick] = wanted;
        for (const [other, { properties }] of Object.entries(schema.dependentSchemas))
          if (other in made && properties[pick] && properties[pick].const !== (made[pick] ?? schema.properties[pick].default))
            delete made[other];
      }
    }
    return made;
  }

  /* Lists of values at so many places. */
  grid({ minProperties, maxProperties, additionalProperties: { minItems } }) {
    const made = {};

    for (let n = this.chance(0.1) ? maxProperties : minProperties + this.below(3); n > 0;) {
      const pointer = this.one(POINTERS);

      if (!(pointer in made)) {
        made[pointer] = Array.from({ length: minItems + this.below(3) }, () => this.strange());
        n--;
      }
    }
    return made;
  }

  value(schema) {
    if (schema.propertyNames)
      return this.grid(schema);
    if (schema.anyOf)
      return this.value(this.one(schema.anyOf));
    if ('const' in schema)
      return schema.const;
    if (schema.enum)
      return this.one(schema.enum);
    switch (schema.type) {
      case 'object': return this.object(schema);
      case 'array': return this.list(schema);
      case 'string': return this.text(schema);
      case 'boolean': return this.chance(0.5);
      default: return this.number(schema);
    }
  }

  /* --- what is spoilt -------------------------------------------------------------------- */

  /* The schema of a list that may be something else, too. */
  listOf(schema) {
    return schema.anyOf?.find(({ type }) => type === 'array') ?? schema;
  }

  /* Every place in a value: {at, key, schema}, `at` what holds it. */
  places(value, schema, at, key, found = []) {
    found.push({ at, key, schema });
    const { items } = this.listOf(schema);

    if (Array.isArray(value) && items)
      value.forEach((item, i) => this.places(item, items, value, i, found));
    else if (isObject(value) && schema.properties)
      for (const [name, one] of Object.entries(value))
        if (Object.hasOwn(schema.properties, name))
          this.places(one, schema.properties[name], value, name, found);
    return found;
  }

  strange() {
    return this.one([null, true, false, 0, 3, -1, 2.5, '', '3', 'auto', [], [1], {}, { a: 1 },
      new Spelling('1e300'), new Spelling('-1e-300'), new Spelling('9007199254740993'), new Spelling('9223372036854775807'),
      new Spelling('-9223372036854775808'), new Spelling('1e3'), new Spelling('1.0'), new Spelling('-0.0')]);
  }

  /* A number that its schema's bounds just keep out, or just let in. */
  beyond({ minimum, maximum, type }) {
    const step = type === 'integer' ? this.one([1, 0.5, 1e-9]) : this.one([1, 1e-9 * Math.abs(maximum), 1e-9]);
    const value = this.one([minimum - step, maximum + step, minimum + step, maximum - step]);

    return this.chance(0.3) ? this.spelt(value) : value;
  }

  misspelt(word) {
    return this.one([word.toUpperCase(), `${word} `, word.slice(1), `${word}\u0000`.slice(0, -1) + 's', '']);
  }

  /* Too few or too many places or values, no lists, or no places. */
  spoilGrid(grid, { maxProperties, additionalProperties: { maxItems } }) {
    const axis = this.one(POINTERS);

    switch (this.below(5)) {
      case 0: return {};
      case 1: return Object.fromEntries(POINTERS.slice(0, maxProperties + this.below(3)).map((pointer) => [pointer, [1]]));
      case 2: return { ...grid, [axis]: Array.from({ length: this.one([0, maxItems, maxItems + 1]) }, () => 1) };
      case 3: return { ...grid, [axis]: this.strange() };
      default: return { ...grid, [this.one(NO_POINTERS)]: [1, 2] };
    }
  }

  /* One place of a kind of its own. */
  spoil(root) {
    const { at, key, schema } = this.one(this.places(root.spec, this.schema, root, 'spec'));
    const value = at[key];
    const object = isObject(value) && schema.properties;

    if (this.chance(0.2))
      at[key] = this.strange();
    else if (schema.propertyNames)
      at[key] = this.spoilGrid(isObject(value) ? value : {}, schema);
    else if (object && this.chance(0.3))
      Object.defineProperty(value, this.one([...STRANGERS, ...Object.keys(schema.properties).map((name) => `${name}s`)]),
        { value: this.strange(), enumerable: true, configurable: true, writable: true });
    else if (object && this.chance(0.3))
      delete value[this.one(Object.keys(value).concat(['none']))];
    else if (object) {
      const name = this.one(Object.keys(schema.dependentSchemas ?? schema.properties));

      value[name] = this.value(schema.properties[name]);
    } else if (Array.isArray(value) && this.listOf(schema).items) {
      const list = this.listOf(schema);

      at[key] = this.chance(0.5) ? [] : Array.from({ length: list.maxItems + this.below(2) }, () => this.value(list.items));
    } else if (schema.enum)
      at[key] = this.misspelt(String(value));
    else if (schema.type === 'string')
      at[key] = this.one([this.one(LETTERS).repeat(schema.maxLength), this.one(LETTERS).repeat(schema.maxLength + 1),
        `a${this.one(CONTROL)}b`, this.one(CONTROL)]);
    else if (schema.minimum !== undefined)
      at[key] = this.beyond(schema);
    else
      at[key] = this.strange();
  }

  /* The next spec, as a text of one line. */
  spec() {
    const root = { spec: this.value(this.schema) };

    if (this.chance(0.65))
      for (let n = 1 + this.below(3); n > 0; n--)
        this.spoil(root);
    return write(root.spec);
  }
}
