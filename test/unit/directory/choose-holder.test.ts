import { type Claim, chooseHolder, isLive, isSpread, rivalsOf } from '../../../src/directory/choose-holder';
import type { HolderPolicy } from '../../../src/directory/holder-policy';
import { publisherSince } from '../../../src/directory/publisher-since';
import type { Feed } from '../../../src/mediamtx';
import { slot } from './slot';

const feeds: Readonly<Record<string, Feed>> = { P: 'publisher', C: 'pulled', F: 'filler' };

/** `aP5 bC!`: server a has a publisher since 5, server b pulls a copy and cannot be used; `~` drains. */
function claims(text: string): Claim[] {
  return text.split(' ').map((word) => {
    const [, name = '', feed = '', since = '1', state] = /^([a-z])([PCF])(\d*)([!~])?$/.exec(word) ?? [];
    const made = slot(name);
    made.usable = state !== '!';
    if (state === '~') made.fleet = { ...made.fleet, administrative: 'drain' };
    return { slot: made, report: { feed: feeds[feed], publisherSinceMs: Number(since) } };
  });
}

/** Policy, holders, then the chosen one, `*` where sessions are spread, and who is in conflict. */
const rows: [HolderPolicy, string, string, string][] = [
  ['auto', 'aP1', 'a', 'a'],
  ['auto', 'aP1 bP2', 'b', 'a b'],
  ['auto', 'aP1 bC9', 'a*', 'a'],
  ['auto', 'bC9 aP1', 'a*', 'a'],
  ['auto', 'aP1 bC2 cC3', 'a*', 'a'],
  ['auto', 'aP1 bP2 cC3', 'b', 'a b'],
  ['auto', 'aC1 bC2', 'b*', ''],
  ['auto', 'aP1! bC2', 'b', 'a'],
  ['auto', 'aP1! bC2 cC3', 'c*', 'a'],
  // Of two publishers that cannot be used now, nobody knows which one the copies are of: they are not shared out.
  ['auto', 'aP1! bP2! cC3 dC4', 'd', 'a b'],
  ['auto', 'aP1! bP2 cC3', 'b', 'a b'],
  ['auto', 'aP1! bC2!', '', 'a'],
  ['auto', 'aP1 bF9', 'a', 'a'],
  ['auto', 'aC1 bF9', 'a', ''],
  ['auto', 'aP1! bF9', 'b', 'a'],
  ['auto', 'aF1', 'a', ''],
  ['auto', 'aF1!', '', ''],
  ['newest', 'aP1 bC9', 'b', 'a b'],
  ['newest', 'aC1 bC2', 'b', 'a b'],
  ['newest', 'aP1 bF9', 'a', 'a'],
  ['spread', 'aP1 bP2', 'b*', ''],
  ['spread', 'aP1 bC2', 'b*', ''],
  ['spread', 'aP1 bF2', 'a', ''],
];

describe('who has a stream', () => {
  it.each(rows)('%s: %s', (policy, text, chosen, rivals) => {
    const all = claims(text);
    const live = all.filter(isLive);
    const spread = isSpread(policy, live) ? '*' : '';
    expect((chooseHolder('live/x', policy, all)?.name ?? '') + spread).toBe(chosen);
    expect(
      rivalsOf(policy, live)
        .map((claim) => claim.slot.name)
        .join(' '),
    ).toBe(rivals);
  });

  it('one of several fillers, the same in every order, not the same for every stream, and none that drains', () => {
    const all = claims('aF1 bF2 cF3~');
    const names = Array.from({ length: 100 }, (_, i) => `live/${i}`);
    const chosen = names.map((name) => chooseHolder(name, 'auto', all)?.name);
    expect(names.map((name) => chooseHolder(name, 'newest', [...all].reverse())?.name)).toEqual(chosen);
    expect(new Set(chosen)).toEqual(new Set(['a', 'b']));
    expect(chooseHolder('live/1', 'auto', claims('aF1! cF3~'))?.name).toBe('c');
  });
});

describe('since when a publisher is there', () => {
  const nowMs = Date.parse('2026-05-05T12:00:00Z');
  const known = slot('a');
  known.inventoryAt = 1;
  it.each([
    ['what its server says', known, nowMs - 5000, nowMs - 5000],
    ['nothing where its server does not say', known, 0, 0],
    ['now where that is in the future', known, Date.parse('2099-01-01T00:00:00Z'), nowMs],
    ['now where its clock is a little ahead', slot('a'), nowMs + 3000, nowMs],
    ['nothing where it was there before and says what cannot be', slot('a'), Date.parse('2099-01-01T00:00:00Z'), 0],
  ])('%s', (_what, from, claimed, expected) => {
    expect(publisherSince(from, claimed, nowMs)).toBe(expected);
  });
});
