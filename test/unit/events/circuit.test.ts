import { createCircuit } from '../../../src/events/circuit';

function circuit(random = 0) {
  return createCircuit({ failures: 3, firstMs: 1000, longestMs: 3000, random: () => random });
}

describe('the circuit of a receiver', () => {
  it('stays closed while failures are not in a row', () => {
    const it = circuit();
    for (let n = 0; n < 10; n++) {
      it.failed(n);
      it.failed(n);
      it.succeeded();
    }
    expect(it.state).toBe('closed');
    expect(it.allows(0)).toBe(true);
  });

  it('opens after failures in a row, lets one probe through, and pauses twice as long up to the longest', () => {
    const it = circuit();
    for (let n = 0; n < 3; n++) it.failed(0);
    const pauses: number[] = [];
    for (let nowMs = 0, n = 0; n < 4; n++) {
      expect(it.state).toBe('open');
      const againMs = it.opensAgainAtMs ?? 0;
      pauses.push(againMs - nowMs);
      expect(it.allows(againMs - 1)).toBe(false);
      expect(it.allows(againMs)).toBe(true);
      expect(it.state).toBe('half-open');
      expect(it.allows(againMs)).toBe(false);
      expect(it.opensAgainAtMs).toBeUndefined();
      nowMs = againMs;
      it.failed(nowMs);
    }
    expect(pauses).toEqual([1000, 2000, 3000, 3000]);
  });

  it('closes when the probe succeeds, and begins with the first pause again', () => {
    const it = circuit();
    for (let n = 0; n < 3; n++) it.failed(0);
    it.allows(1000);
    it.succeeded();
    expect(it.state).toBe('closed');
    it.failed(5000);
    it.failed(5000);
    expect(it.state).toBe('closed');
    it.failed(5000);
    expect(it.opensAgainAtMs).toBe(6000);
  });

  it('is not moved by what was sent before it opened', () => {
    const it = circuit();
    for (let n = 0; n < 3; n++) it.failed(0);
    it.succeeded();
    it.failed(900);
    expect(it.state).toBe('open');
    expect(it.opensAgainAtMs).toBe(1000);
  });

  it('does as the receiver asks, for an hour at most, and never comes sooner than by itself', () => {
    const asked = circuit();
    asked.failed(0, 20_000);
    expect(asked.opensAgainAtMs).toBe(20_000);
    const longer = circuit();
    longer.failed(0, 1e9);
    expect(longer.opensAgainAtMs).toBe(3_600_000);
    const shorter = circuit();
    shorter.failed(0, 1);
    expect(shorter.opensAgainAtMs).toBe(1000);
  });

  it('shortens pauses by chance, by a quarter at most', () => {
    const it = circuit(0.999);
    for (let n = 0; n < 3; n++) it.failed(0);
    expect(it.opensAgainAtMs).toBeGreaterThan(750);
    expect(it.opensAgainAtMs).toBeLessThan(751);
  });
});
