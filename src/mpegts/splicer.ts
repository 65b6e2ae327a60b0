import type { JoinPoint } from './entry';
import { createJoint, type Joint } from './joint';
import { createOutput, type Output, type OutputOptions } from './output';

/** One stream out of several sources, one after the other. */
export interface Splicer {
  /** Packets of the source that is on air, which the first source's are from the start. Those of the first go out byte for byte. */
  write(packets: Buffer): readonly Buffer[];
  /**
   * Goes over to another source at the given place: what of the old one is half sent is dropped, the tables come first, and the new one's packets from that
   * place on follow as if they were the old one's. From then on `write` takes the new source's packets.
   *
   * @param isInOrder whether the old source ended by itself, so that its last unit is whole.
   */
  join(point: JoinPoint, isInOrder?: boolean): readonly Buffer[];
  /** How many sources have followed another. */
  readonly joins: number;
  readonly output: Pick<Output, 'program' | 'progress' | 'heldBytes'>;
  /** Of the last join. */
  readonly joint: Pick<Joint, 'shift' | 'isSame'> | undefined;
}

/** Makes the splicer of one receiver. Pure: packets in, packets out. */
export function createSplicer(options: OutputOptions = {}): Splicer {
  const output = createOutput(options);
  let joint: Joint | undefined;
  let joins = 0;

  function write(packets: Buffer): readonly Buffer[] {
    if (joint === undefined) return output.write(packets);
    return joint.map(packets).flatMap((run) => output.write(run));
  }

  return {
    write,
    join(point, isInOrder = false) {
      const rest = output.cut(isInOrder);
      joint = createJoint(output, point);
      joins++;
      const opening = joint.opening().flatMap((run) => output.write(run));
      return [...rest, ...opening, ...point.packets.flatMap(write)];
    },
    get joins() {
      return joins;
    },
    get joint() {
      return joint;
    },
    output,
  };
}
