import type { ListenOptions, Server } from 'node:net';

/** Where to listen: TCP, where port 0 takes a free one, or a Unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

interface Listening {
  /** Who listens, as people call it: `SPOE`. */
  readonly who: string;
  /** Told of what fails later: no file descriptor was left for a connection, say. The others go on. */
  readonly log: { error(fields: object, message: string): void };
  readonly options?: ListenOptions;
}

/**
 * Lets a server listen; a Unix socket's file is there when this returns.
 * @throws (rejects) Error that names who cannot listen, where, and why; its `cause` is the system's error.
 */
export function listenOn(server: Server, address: ListenAddress, { who, log, options }: Listening): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      server.off('listening', onListening);
      const where = 'path' in address ? address.path : `${address.host}:${address.port}`;
      reject(new Error(`${who}: cannot listen on ${where}: ${error.message}`, { cause: error }));
    };
    const onListening = (): void => {
      server.off('error', onError);
      server.on('error', (error) => log.error({ err: error }, `${who}: cannot accept a connection`));
      resolve();
    };
    server.once('error', onError);
    server.once('listening', onListening);
    server.listen({ ...options, ...address });
  });
}
