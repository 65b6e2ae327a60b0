import fc from 'fast-check';
import { createListReader } from '../../../src/mediamtx/list-reader';

/** Reads `text` in pieces that end at the given offsets. */
function read(text: string | Buffer, cuts: readonly number[] = [], maxBytes = 64_000): unknown {
  const bytes = Buffer.from(text);
  const items: unknown[] = [];
  const reader = createListReader((item) => items.push(item), {
    frameBytes: maxBytes,
    itemBytes: maxBytes,
    membersBytes: maxBytes,
  });
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    reader.push(bytes.subarray(from, cut));
    from = cut;
  }
  return { pageCount: reader.end(), items };
}

/** What the reader makes of an item: objects inside others are the type that they begin with, if any; these and lists are else 0. */
function shallow(item: unknown): unknown {
  const members = (value: unknown, change: (member: unknown) => unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(change);
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, change(member)]));
  };
  const typeOf = (member: object): unknown => {
    const [first, value]: [string?, unknown?] = Object.entries(member)[0] ?? [];
    return first === 'type' && typeof value === 'string' && /^[A-Za-z]{1,32}$/.test(value) ? value : 0;
  };
  const cut = (member: unknown) => (typeof member === 'object' && member !== null ? typeOf(member) : member);
  return members(item, (value) => members(value, cut));
}

const tricky = [
  { items: [] },
  {
    itemCount: 2,
    pageCount: 3,
    items: [{ name: 'a' }, { name: 'b', tracks: ['H264'], source: { type: 'x', id: '' } }],
  },
  { items: [{ name: 'quote " brace } bracket ] backslash \\' }, { 'key{"': '\\"' }, { name: 'ü€😀' }] },
  {
    items: [
      { name: 'a', readers: [{ type: 'x', id: '}]"' }, { a: [[{}]] }], deep: { er: { still: [1] }, n: 1, o: [] } },
      {
        readers: [
          { type: 'srtConn' },
          { type: 'no word' },
          { type: 7 },
          { id: 'x', type: 'late' },
          { type: 'x'.repeat(33) },
          { typ: 'y' },
        ],
      },
    ],
  },
  { items: [{ name: 'ü', tracks2: [[], ['é"'], {}, 7, 'ü'], empty: [[]], after: 'é' }, { name: 'b' }] },
  { other: [{ no: 'item' }], deep: { er: { still: 1 } }, items: [{ name: 'a' }], more: [[{ x: [] }]], pageCount: 1 },
];

describe('the list reader', () => {
  it.each(tricky)('reads case %# like JSON.parse: whole, byte by byte, and split everywhere', (list) => {
    for (const text of [JSON.stringify(list), JSON.stringify(list, undefined, 2)]) {
      const expected = { items: list.items.map(shallow), pageCount: list.pageCount ?? 1 };
      const { length } = Buffer.from(text);
      expect(read(text)).toEqual(expected);
      expect(
        read(
          text,
          Array.from({ length: length - 1 }, (_, i) => i + 1),
        ),
      ).toEqual(expected);
      for (let cut = 0; cut <= length; cut++) expect(read(text, [cut])).toEqual(expected);
    }
  });

  it('does not lose its place to an empty piece', () => {
    const text = '{"items":[{"name":"\\"}"}]}';
    const cut = text.indexOf('\\') + 1;
    expect(read(text, [cut, cut])).toEqual({ items: [{ name: '"}' }], pageCount: 1 });
  });

  it('reads any list of objects, cut anywhere', () => {
    const list = fc.record({ items: fc.array(fc.dictionary(fc.string(), fc.jsonValue())), junk: fc.string() });
    fc.assert(
      fc.property(list, fc.array(fc.nat(500)), (value, cuts) => {
        const text = JSON.stringify(value);
        const sorted = cuts.filter((cut) => cut < Buffer.byteLength(text)).sort((a, b) => a - b);
        expect(read(text, sorted)).toEqual({
          items: (JSON.parse(text) as { items: unknown[] }).items.map(shallow),
          pageCount: 1,
        });
      }),
    );
  });

  it.each([
    '',
    '{',
    '[]',
    'null',
    '{}',
    '{"items":7}',
    '{"items":[{"name":"a"}',
    '{"items":[{"name":"a"}]',
    '{"items":[{"name":}]}',
    '}}}',
    '"',
  ])('refuses %j', (text) => expect(() => read(text)).toThrow(SyntaxError));

  it('throws nothing but SyntaxError and RangeError, whatever comes', () => {
    const pieces = fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '"items"', '1', 'é', ' ');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        try {
          read(parts.join(''));
        } catch (error) {
          expect(error instanceof SyntaxError || error instanceof RangeError).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('bounds an item, and what stands around the items, before it is kept', () => {
    expect(() => read(`{"items":[{"name":"${'x'.repeat(5000)}"}]}`, [100, 2000, 4000], 1000)).toThrow(
      /an item of more than 1000 bytes/,
    );
    expect(() => read(`{"junk":"${'x'.repeat(5000)}`, [100, 2000], 1000)).toThrow(
      /more than 1000 bytes around the items/,
    );
  });
});
