import type { ServerSlot } from '../../../src/directory';
import type { Router } from '../../../src/router';
import { withCanaries } from '../../../src/router';

const slot = (name: string, operational: 'UP' | 'DOWN' = 'UP') =>
  ({
    name,
    hash: name.length,
    fleet: { name, kind: 'mediamtx', operational, administrative: 'ready' },
    usable: operational === 'UP',
    health: 'ok',
  }) as unknown as ServerSlot;

function setUp(slots: readonly ServerSlot[]) {
  const passed: string[] = [];
  const inner: Router = {
    decide: (stream) => {
      passed.push(stream);
      return { state: 'located', server: 'other' };
    },
    explain: (stream, session) => {
      passed.push(stream);
      return Promise.resolve({
        stream,
        kind: 'mediamtx' as const,
        session,
        state: 'unknown',
        server: undefined,
        rule: 'no-evidence',
        because: '',
        evidence: [],
      });
    },
  };
  return { passed, router: withCanaries(inner, { slots: () => slots }) };
}

const canary = 'mtxpilot-canary-0123456789abcdef';

describe('withCanaries', () => {
  it('decides a canary itself, at once, and remembers that it was asked', async () => {
    const { router, passed } = setUp([slot('mtx1')]);
    expect(await router.explain(canary, undefined)).toMatchObject({
      state: 'unknown',
      server: undefined,
      rule: 'canary',
    });
    expect(router.decide(canary, 's')).toEqual({ state: 'placed', server: 'mtx1' });
    expect(await router.explain(canary, undefined)).toMatchObject({ state: 'placed', server: 'mtx1', rule: 'canary' });
    expect(passed).toEqual([]);
  });

  it.each(['mtxpilot-canary-', `${canary}0`, `live/${canary}`, 'mtxpilot-canary-0123456789ABCDEF', 'live/a'])(
    'passes on %s',
    async (stream) => {
      const { router, passed } = setUp([slot('mtx1')]);
      expect(router.decide(stream, '')).toEqual({ state: 'located', server: 'other' });
      await router.explain(stream, '');
      expect(passed).toEqual([stream, stream]);
    },
  );

  it('decides for no server that takes nothing new', () => {
    expect(setUp([slot('mtx1', 'DOWN')]).router.decide(canary, '')).toEqual({ state: 'unknown', server: undefined });
  });

  it('forgets the oldest of many', async () => {
    const { router } = setUp([slot('mtx1')]);
    void router.decide(canary, '');
    for (let i = 0; i < 1000; i++) void router.decide(`mtxpilot-canary-${i.toString(16).padStart(16, '0')}`, '');
    expect((await router.explain(canary, undefined)).state).toBe('unknown');
    expect((await router.explain('mtxpilot-canary-00000000000003e7', undefined)).state).toBe('placed');
  });
});
