import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSplicer } from '../../../src/mpegts';
import { type Cards, mostCardBytes, openCards } from '../../../src/relay/cards';
import { type ClipFolder, createClipFolder } from '../../support/ts-clips';

let clips: ClipFolder;
let folder: string;
beforeAll(() => {
  clips = createClipFolder();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-cards-'));
});
afterAll(() => {
  clips.remove();
  rmSync(folder, { recursive: true });
});

function file(name: string, bytes: Buffer): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

async function opened(settings: Partial<Parameters<typeof openCards>[0]>): Promise<Cards> {
  const cards = await openCards({ when: 'playing', after: 2000, ...settings });
  if (cards === undefined) throw new Error('there are none');
  return cards;
}

function played(cards: Cards, reason: 'down' | 'full', seconds: number): Buffer {
  const play = cards.play(reason, 5000);
  const splicer = createSplicer();
  const out = [...splicer.join(play.point)];
  for (let ms = 0; ms <= seconds * 1000; ms += 100) out.push(...splicer.write(play.read(5000 + ms)));
  return Buffer.concat(out);
}

test('the clip of the package loops without a seam, in picture and sound', async () => {
  const bytes = played(await opened({}), 'down', 20);
  expect(clips.complaints(bytes)).toBe('');
  for (const [stream, step] of [
    ['v', 3600],
    ['a', 1920],
  ] as const) {
    const times = clips.decodingTimes(bytes, stream);
    const steps = times.slice(1).map((at, index) => at - (times[index] ?? at));
    expect(new Set(steps)).toEqual(new Set([step]));
    expect(steps.length * step).toBeGreaterThan(18 * 90_000);
  }
});

test('operators name their own, also by reason; `full` is `down` where only that is named', async () => {
  const [down, full] = [file('down.ts', clips.clip({ seconds: 1 })), file('full.ts', clips.clip({ seconds: 3 }))];
  const lengthOf = (cards: Cards, reason: 'down' | 'full') => played(cards, reason, 6).length;
  const plain = await opened({});
  const own = await opened({ down });
  const both = await opened({ down, full });
  expect(lengthOf(own, 'down')).not.toBe(lengthOf(plain, 'down'));
  expect(lengthOf(own, 'full')).toBe(lengthOf(own, 'down'));
  expect(lengthOf(both, 'down')).toBe(lengthOf(own, 'down'));
  expect(lengthOf(both, 'full')).not.toBe(lengthOf(both, 'down'));
  expect(await openCards({ when: 'off', after: 0, down: '/nowhere' })).toBeUndefined();
});

test('what was not asked for in time is not made up for at once', async () => {
  const play = (await opened({})).play('down', 0);
  play.read(0);
  const second = play.read(1000).length;
  expect(play.read(3_600_000).length).toBeLessThan(2 * second + 10_000);
});

test('a file that cannot be a card is named, with what is wrong', async () => {
  const long = file('long.ts', Buffer.alloc(0));
  truncateSync(long, mostCardBytes + 1);
  const text = file('text.ts', Buffer.from('no clip'));
  await expect(opened({ down: text })).rejects.toThrow(`relay.cards.down: ${text} is no MPEG transport stream`);
  await expect(opened({ full: long })).rejects.toThrow(`relay.cards.full: ${long} is no file of at most 16 MB`);
  await expect(opened({ down: folder })).rejects.toThrow(`relay.cards.down: ${folder} is no file of at most 16 MB`);
  await expect(opened({ down: join(folder, 'none') })).rejects.toThrow(/^relay\.cards\.down: \S+none cannot be read: /);
});
