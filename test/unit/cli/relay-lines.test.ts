import { relayLines } from '../../../src/cli/relay-lines';
import { failover, whyOf } from '../relays/answers';
import { relayStream } from '../relays/fake-relays';

it('tells for each relay sources, accounts, failovers and what comes next', () => {
  const recentFailovers = [
    { ...failover('2026-11-29T12:00:00Z'), pictureGapMs: 400 },
    { ...failover('2026-11-29T11:00:00Z'), to: 0 },
    { ...failover('2026-11-29T10:00:00Z'), to: null, toUrl: 'card' },
  ];
  const why = whyOf({ recentFailovers, failovers: 1 });
  const relays = [
    { name: 'relay1', problem: null, why },
    { name: 'relay2', problem: 'It answered 500.', why: null },
    { name: 'relay3', problem: null, why: null },
  ];
  expect(relayLines({ ...relayStream, relays })).toEqual([
    {
      title: 'What relay relay1 does',
      lines: [
        'primary http://a.example/…, account alice: 1 client plays it.',
        'backup 1 http://b.example/…: failed: It answered 503. It is left alone for 1.5 s more.',
        'account alice: 1 of 1 connections in use.',
        '1 clients, 1000 bytes sent, 1 failovers since it started.',
        '2026-11-29T12:00:00Z: from primary to backup 1 (reset: It broke.), 1 clients; gap of bytes 120 ms, pictures 400 ms.',
        '2026-11-29T11:00:00Z: primary again (reset: It broke.), 1 clients; gap of bytes 120 ms.',
        '2026-11-29T10:00:00Z: from primary to card (reset: It broke.), 1 clients; gap of bytes 120 ms.',
        'Next: backup 1 in 1.5 s. It is the next one in the list.',
      ],
    },
    { title: 'What relay relay2 does', lines: ['It answered 500.'] },
    { title: 'What relay relay3 does', lines: ['It has no such stream.'] },
  ]);
});

it('says nothing of a stream that is no relay’s, and needs little of another version', () => {
  expect(relayLines(null)).toEqual([]);
  expect(relayLines(undefined)).toEqual([]);
  const why = { id: 'x', sources: [{ index: 0, url: 'http://a/…', state: 'resting\u001b' }] };
  expect(relayLines({ id: 'x', relays: [{ name: 'r', problem: null, why }] })).toEqual([
    {
      title: 'What relay r does',
      lines: [expect.not.stringContaining('\u001b'), '0 clients, 0 bytes sent, 0 failovers since it started.'],
    },
  ]);
});
