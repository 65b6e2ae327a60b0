import { readFileSync } from 'node:fs';
import { eventTypes, isEventId } from '../../../src/events';
import { readEvent } from '../../../src/events/read-event';

const page = readFileSync('docs/events.md', 'utf8');

describe('docs/events.md', () => {
  const examples = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => JSON.parse(text) as unknown);

  it('has one example of each type, as an agent would tell it', () => {
    const events = examples.map((example) => {
      const event = readEvent(example);
      expect(event).toEqual(example);
      return event;
    });
    expect(events.map((event) => event?.type).sort()).toEqual([...eventTypes].sort());
    for (const event of events) {
      expect(isEventId(event?.id ?? '')).toBe(true);
      expect(new Date(event?.time ?? '').toISOString()).toBe(event?.time);
      expect(event?.subject).toBe(event?.data['stream'] ?? event?.data['server']);
      expect(typeof event?.data['evidence']).toBe('string');
    }
  });
});
