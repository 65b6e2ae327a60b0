import { hex } from './hex';

/*
 * What an agent writes, put down by hand from doc/SPOE.txt: never made by the encoder under test.
 */

/** version 2.0, max-frame-size 16380, capabilities pipelining. */
export const agentHello = hex(`00000040 65 00000001 00 00
  07 76657273696f6e 08 03 322e30
  0e 6d61782d6672616d652d73697a65 03 fcf006
  0c 6361706162696c6974696573 08 0a 706970656c696e696e67`);

/** The same for a peer that announces no capabilities. */
export const agentHelloWithoutCapabilities = hex(`00000036 65 00000001 00 00
  07 76657273696f6e 08 03 322e30
  0e 6d61782d6672616d652d73697a65 03 fcf006
  0c 6361706162696c6974696573 08 00`);

/** status-code 0, message normal. */
export const agentDisconnectNormal = hex(`00000025 66 00000001 00 00
  0b 7374617475732d636f6465 03 00
  07 6d657373616765 08 06 6e6f726d616c`);

/** set-var txn state=located, set-var txn server=mtx1. */
export const locatedOnMtx1 = hex(
  '01 03 02 05 7374617465 08 07 6c6f6361746564  01 03 02 06 736572766572 08 04 6d747831',
);

/** set-var txn state=located, set-var txn server=mtx3. */
export const locatedOnMtx3 = hex(
  '01 03 02 05 7374617465 08 07 6c6f6361746564  01 03 02 06 736572766572 08 04 6d747833',
);

/** set-var txn state=placed, set-var txn server=mtx2. */
export const placedOnMtx2 = hex('01 03 02 05 7374617465 08 06 706c61636564  01 03 02 06 736572766572 08 04 6d747832');

/** set-var txn state=unknown. */
export const unknownAnswer = hex('01 03 02 05 7374617465 08 07 756e6b6e6f776e');

/** An ACK around golden actions; `ids` is stream-id and frame-id in hex. */
export function ack(ids: string, actions: Buffer): Buffer {
  const idBytes = hex(ids);
  const length = (5 + idBytes.length + actions.length).toString(16).padStart(8, '0');
  return Buffer.concat([hex(`${length} 67 00000001`), idBytes, actions]);
}

/** A NOTIFY with the messages given in hex. */
export function notify(ids: string, messages: string, flags = '00000001'): Buffer {
  return frame('03', ids, messages, flags);
}

/** Any frame, its parts in hex. */
export function frame(type: string, ids: string, payload: string, flags = '00000001'): Buffer {
  const body = hex(`${type} ${flags} ${ids} ${payload}`);
  return Buffer.concat([hex(body.length.toString(16).padStart(8, '0')), body]);
}

/** Message `where` with stream `live/a` and session `s1`. */
export const whereLiveA = '05 7768657265 02  06 73747265616d 08 06 6c6976652f61  07 73657373696f6e 08 02 7331';

/** HELLO as HAProxy with pipelining sends it: versions 2.0, max-frame-size 16380, capabilities pipelining. */
export const haproxyHello = hex(`0000004b 01 00000001 00 00
  12 737570706f727465642d76657273696f6e73 08 03 322e30
  0e 6d61782d6672616d652d73697a65 03 fcf006
  0c 6361706162696c6974696573 08 0a 706970656c696e696e67`);

/** status-code 0, message normal. */
export const haproxyDisconnectNormal = hex(`00000025 02 00000001 00 00
  0b 7374617475732d636f6465 03 00
  07 6d657373616765 08 06 6e6f726d616c`);
