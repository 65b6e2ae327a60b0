import type { Cursor } from '../wire';
import { encodeFrame, frameType, minMaxFrameSizeBytes } from './frame';
import { encodeKeyValues, readKeyValues } from './payload';
import { type StatusName, statusCodes, statusNameOf } from './status';

const version = '2.0';
/** HAProxy announces the highest minor version of each major one; it speaks all lower ones too (doc/SPOE.txt 3.2.4). */
const supportedVersion = /^2\.\d+$/;

/*
 * The only capability offered. Not `async`: with it HAProxy 2.6 and 3.0 keep a waiting NOTIFY when its connection closes, for an ACK that
 * another connection might bring, and it waits out its processing timeout; 3.1 and later ignore it. Not `fragmentation`: a question fits a frame.
 */
const pipelining = 'pipelining';

/** What a HAPROXY-HELLO comes to. */
export type Handshake =
  | { readonly kind: 'refused'; readonly status: StatusName }
  | {
      readonly kind: 'agreed';
      /** The lower of both sides' longest frame, in bytes without its length. */
      readonly maxFrameSizeBytes: number;
      /** HAProxy only wants to see the answer; the agent closes after it. */
      readonly healthcheck: boolean;
      /** The AGENT-HELLO to send. */
      readonly reply: Buffer;
    };

/**
 * Negotiates on the payload of a HAPROXY-HELLO (doc/SPOE.txt 3.2.4 and 3.2.5).
 *
 * @param ownMaxFrameSizeBytes longest frame that this agent accepts.
 */
export function negotiate(cursor: Cursor, ownMaxFrameSizeBytes: number): Handshake {
  const values = readKeyValues(cursor);
  if (values === undefined) return { kind: 'refused', status: 'invalid-frame' };
  const versions = values.get('supported-versions');
  if (typeof versions !== 'string') return { kind: 'refused', status: 'no-version' };
  if (!listed(versions).some((each) => supportedVersion.test(each))) {
    return { kind: 'refused', status: 'unsupported-version' };
  }
  const theirMaxFrameSizeBytes = values.get('max-frame-size');
  if (typeof theirMaxFrameSizeBytes !== 'number') return { kind: 'refused', status: 'no-max-frame-size' };
  if (theirMaxFrameSizeBytes < minMaxFrameSizeBytes) return { kind: 'refused', status: 'bad-max-frame-size' };
  const capabilities = values.get('capabilities');
  if (typeof capabilities !== 'string') return { kind: 'refused', status: 'no-capabilities' };

  const maxFrameSizeBytes = Math.min(theirMaxFrameSizeBytes, ownMaxFrameSizeBytes);
  return {
    kind: 'agreed',
    maxFrameSizeBytes,
    healthcheck: values.get('healthcheck') === true,
    reply: encodeFrame(
      frameType.agentHello,
      encodeKeyValues({
        version,
        'max-frame-size': maxFrameSizeBytes,
        capabilities: listed(capabilities).includes(pipelining) ? pipelining : '',
      }),
    ),
  };
}

function listed(text: string): string[] {
  return text.split(',').map((each) => each.trim());
}

/** Why HAProxy disconnects. */
export interface Disconnect {
  readonly status: StatusName;
  readonly message: string;
}

/** Reads the payload of a HAPROXY-DISCONNECT; what it lacks reads as `unknown-error` and an empty message. Undefined when broken. */
export function readDisconnect(cursor: Cursor): Disconnect | undefined {
  const values = readKeyValues(cursor);
  if (values === undefined) return undefined;
  const code = values.get('status-code');
  const message = values.get('message');
  return {
    status: typeof code === 'number' ? statusNameOf(code) : 'unknown-error',
    message: typeof message === 'string' ? message : '',
  };
}

const disconnects = new Map<StatusName, Buffer>();

/** The AGENT-DISCONNECT frame for a status. */
export function agentDisconnect(status: StatusName): Buffer {
  let frame = disconnects.get(status);
  if (frame === undefined) {
    const { code, text } = statusCodes[status];
    frame = encodeFrame(frameType.agentDisconnect, encodeKeyValues({ 'status-code': code, message: text }));
    disconnects.set(status, frame);
  }
  return frame;
}
