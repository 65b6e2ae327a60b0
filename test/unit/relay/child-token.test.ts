import fc from 'fast-check';
import { childKinds, createChildTokens, type HlsChild } from '../../../src/relay/child-token';

const tokens = createChildTokens(Buffer.alloc(32, 1));
const owner = { streamId: 'a'.repeat(32), sessionId: 'session' };
const child: HlsChild = { kind: 'segment', ordinal: 0, source: 1, url: 'http://user:geheim@provider.example/1.ts' };

describe('the token of a child', () => {
  it('gives back what was sealed, whatever URL it is', () => {
    const any = fc.record({
      kind: fc.constantFrom(...childKinds),
      ordinal: fc.nat(),
      source: fc.nat(),
      url: fc.oneof(fc.webUrl({ withQueryParameters: true }), fc.string({ unit: 'grapheme' })),
    });
    fc.assert(
      fc.property(any, (one) => {
        const token = tokens.seal(owner, one);
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(tokens.open(owner, token)).toEqual(one);
        expect(tokens.seal(owner, one)).toBe(token);
      }),
    );
  });

  it('says nothing of it', () => {
    const bytes = Buffer.from(tokens.seal(owner, child), 'base64url');
    for (const part of ['geheim', 'provider', 'segment', 'http']) expect(bytes.includes(part)).toBe(false);
  });

  it('is worth nothing to anybody else, or when a bit of it is another one', () => {
    const token = tokens.seal(owner, child);
    expect(tokens.open({ ...owner, sessionId: 'other' }, token)).toBeUndefined();
    expect(tokens.open({ ...owner, streamId: 'b'.repeat(32) }, token)).toBeUndefined();
    expect(createChildTokens(Buffer.alloc(32, 2)).open(owner, token)).toBeUndefined();
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(tokens.open(owner, changed.toString('base64url'))).toBeUndefined();
    }
    for (const cut of ['', 'AAAA', token.slice(0, 21), token.slice(0, -4), `${token}AAAA`]) {
      expect(tokens.open(owner, cut)).toBeUndefined();
    }
  });
});
