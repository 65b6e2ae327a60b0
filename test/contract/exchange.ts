import { type Agent, request } from 'node:http';

/** A response as it came over the wire. */
export interface Answer {
  readonly status: number;
  /** Header names as they were written, with their values in order; without `Date`. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Buffer;
  readonly text: string;
}

/** What to ask for. The path is sent as it is. */
export interface Question {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Address to connect from. */
  readonly from?: string;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
}

/** One HTTP exchange, without redirects. Rejects when the connection fails, also in the middle of a body. */
export function ask(baseUrl: string, question: Question): Promise<Answer> {
  const { hostname, port } = new URL(baseUrl);
  const { method = 'GET', path, headers = {}, from, agent = false } = question;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: hostname, port, method, path, headers, agent, ...(from !== undefined && { localAddress: from }) },
      (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on('data', (piece: Buffer) => pieces.push(piece));
        incoming.once('error', reject);
        incoming.once('end', () => {
          const body = Buffer.concat(pieces);
          const named: Record<string, string[]> = {};
          const raw = incoming.rawHeaders;
          for (let index = 0; index < raw.length; index += 2) {
            const name = raw[index] ?? '';
            if (name !== 'Date') named[name] = [...(named[name] ?? []), raw[index + 1] ?? ''];
          }
          resolve({ status: incoming.statusCode ?? 0, headers: named, body, text: body.toString('utf8') });
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end();
  });
}

/** The first value of a header, or undefined. */
export function header(answer: Answer, name: string): string | undefined {
  return answer.headers[name]?.[0];
}
