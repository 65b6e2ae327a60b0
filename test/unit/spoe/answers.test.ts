import type { Decision } from '../../../src/router/decision';
import { createAckBatch } from '../../../src/spoe/ack-batch';
import { createAnswers } from '../../../src/spoe/answers';
import { ack, locatedOnMtx1, placedOnMtx2, unknownAnswer } from './golden';
import { hex } from './hex';
import { createRecordingLog } from './recording-log';

describe('prepared answers', () => {
  it('set state, and server where there is one', () => {
    const answers = createAnswers(createRecordingLog().log);
    expect(answers.actionsFor({ state: 'located', server: 'mtx1' })).toEqual(locatedOnMtx1);
    expect(answers.actionsFor({ state: 'placed', server: 'mtx2' })).toEqual(placedOnMtx2);
    expect(answers.actionsFor({ state: 'unknown', server: undefined })).toEqual(unknownAnswer);
  });

  it('are encoded once a decision', () => {
    const answers = createAnswers(createRecordingLog().log);
    const decision: Decision = { state: 'located', server: 'mtx1' };
    expect(answers.actionsFor(decision)).toBe(answers.actionsFor(decision));
  });

  it('are unknown for a server name that would not fit the shortest frame, and say so', () => {
    const { log, lines } = createRecordingLog();
    const answers = createAnswers(log);
    // 256 bytes less type, flags and the longest ids leave 231 for actions; all but the name takes 30.
    expect(answers.actionsFor({ state: 'located', server: 'm'.repeat(201) })).toHaveLength(231);
    expect(lines).toEqual([]);
    const tooLong: Decision = { state: 'located', server: 'm'.repeat(202) };
    expect(answers.actionsFor(tooLong)).toEqual(unknownAnswer);
    expect(answers.actionsFor(tooLong)).toEqual(unknownAnswer);
    expect(lines).toEqual([expect.stringMatching(/^error .*server name is too long/)]);
  });
});

describe('a batch of ACKs', () => {
  it('is taken as one piece', () => {
    const batch = createAckBatch();
    expect(batch.take()).toBeUndefined();
    batch.add(hex('aa 00 01 bb'), 1, 3, locatedOnMtx1);
    batch.add(hex('f000 01'), 0, 3, unknownAnswer);
    expect(batch.count()).toBe(2);
    expect(batch.take()).toEqual(Buffer.concat([ack('00 01', locatedOnMtx1), ack('f000 01', unknownAnswer)]));
    expect(batch.count()).toBe(0);
  });

  it('is not touched again, even when many follow and when one is larger than the memory they are cut from', () => {
    const batch = createAckBatch();
    const one = ack('00 01', locatedOnMtx1);
    const taken: [bytes: Buffer | undefined, count: number][] = [];
    for (const count of [1, 500, 3000, 1, 1400, 1]) {
      for (let index = 0; index < count; index++) batch.add(hex('00 01'), 0, 2, locatedOnMtx1);
      taken.push([batch.take(), count]);
    }
    for (const [bytes, count] of taken) {
      expect(bytes?.equals(Buffer.concat(Array.from({ length: count }, () => one)))).toBe(true);
    }
  });
});
