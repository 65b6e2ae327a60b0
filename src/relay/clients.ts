import type { RelayClient, RelayClients, RelayReports } from './client';

export interface ClientsOptions {
  /** At a time. */
  readonly most: number;
  /** Told of clients that come and go, and of streams that have their first or lose their last one. */
  readonly reports: Pick<RelayReports, 'streamStarted' | 'streamStopped' | 'clientConnected' | 'clientDisconnected'>;
}

/**
 * Keeps who is there. It reports each client that it takes in, and when a stream has its first and loses its last one, so that whoever serves
 * a client has only to add and remove it.
 */
export function createClients({ most, reports }: ClientsOptions): RelayClients {
  const clients = new Set<RelayClient>();
  const byStream = new Map<string, Set<RelayClient>>();

  return {
    add(client) {
      if (clients.has(client)) return true;
      if (clients.size >= most) return false;
      clients.add(client);
      const { streamId } = client;
      const together = byStream.get(streamId);
      if (together === undefined) {
        byStream.set(streamId, new Set([client]));
        reports.streamStarted(streamId);
      } else together.add(client);
      reports.clientConnected(client);
      return true;
    },
    remove(client, reason = 'last client left') {
      if (!clients.delete(client)) return;
      reports.clientDisconnected(client);
      const { streamId } = client;
      const together = byStream.get(streamId);
      together?.delete(client);
      if (together?.size !== 0) return;
      byStream.delete(streamId);
      reports.streamStopped(streamId, reason);
    },
    ofStream: (streamId) => [...(byStream.get(streamId) ?? [])],
    all: () => [...clients],
    get count() {
      return clients.size;
    },
  };
}
