import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Opened, Provider, SourceFailure, SourceRequest } from '../../src/relay/provider';

/** One connection that was asked for, to be answered by the test. */
export interface FakeConnection {
  readonly request: SourceRequest;
  readonly body: PassThrough;
  readonly isClosed: boolean;
  accept(headers?: Readonly<Record<string, string>>): Promise<void>;
  refuse(failure: Partial<SourceFailure>): Promise<void>;
  /** Sends bytes and waits until they were taken, unless the reader has paused. */
  send(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
  reset(): Promise<void>;
}

/** A provider in memory, whose every answer the test gives. */
export interface FakeProvider extends Provider {
  readonly connections: readonly FakeConnection[];
  /** The last one that was asked for. */
  readonly last: FakeConnection;
  /** Connections that are open. */
  readonly open: Provider['open'];
  openUrls(): string[];
}

/** Lets everything happen that is due. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

export function createFakeProvider(): FakeProvider {
  const connections: FakeConnection[] = [];

  function connect(request: SourceRequest, answer: (opened: Opened) => void): FakeConnection {
    const body = new PassThrough({ highWaterMark: 1 << 20 });
    let isClosed = false;
    const close = (): void => {
      isClosed = true;
      body.destroy();
    };
    request.signal.addEventListener('abort', close);
    body.on('error', () => undefined);
    return {
      request,
      body,
      get isClosed() {
        return isClosed;
      },
      accept(headers = { 'content-type': 'video/mp2t' }) {
        answer({
          source: { status: 200, headers, url: request.url, body: body as unknown as IncomingMessage, close },
        });
        return settle();
      },
      refuse(failure) {
        isClosed = true;
        answer({
          failure: { trigger: 'status', status: 404, retryAfterMs: undefined, reason: 'Not Found', ...failure },
        });
        return settle();
      },
      send(bytes) {
        body.write(bytes);
        return settle();
      },
      end() {
        isClosed = true;
        body.end();
        return settle();
      },
      reset() {
        isClosed = true;
        body.destroy(new Error('reset'));
        return settle();
      },
    };
  }

  return {
    open: (request) => new Promise((answer) => connections.push(connect(request, answer))),
    connections,
    get last() {
      const connection = connections.at(-1);
      if (connection === undefined) throw new Error('nothing was asked for');
      return connection;
    },
    openUrls: () => connections.filter(({ isClosed }) => !isClosed).map(({ request }) => request.url),
  };
}
