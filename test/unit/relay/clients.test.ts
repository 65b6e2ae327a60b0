import { createClients } from '../../../src/relay/clients';
import { fakeClient } from './fakes';

function setUp(most = 10) {
  const told: string[] = [];
  const clients = createClients({
    most,
    reports: {
      streamStarted: (id) => told.push(`started ${id}`),
      streamStopped: (id, reason) => told.push(`stopped ${id}: ${reason}`),
      clientConnected: ({ id }) => told.push(`connected ${id}`),
      clientDisconnected: ({ id }) => told.push(`left ${id}`),
    },
  });
  return { clients, told };
}

it('tells when a stream has its first and loses its last client', () => {
  const { clients, told } = setUp();
  const [one, two, other] = ['a', 'b', 'c'].map((id) => fakeClient({ id, streamId: id === 'c' ? 's2' : 's1' }));
  if (one === undefined || two === undefined || other === undefined) throw new Error('no clients');
  for (const client of [one, two, other]) expect(clients.add(client)).toBe(true);
  expect(clients.ofStream('s1')).toEqual([one, two]);
  expect(clients.count).toBe(3);
  clients.remove(one);
  clients.remove(two, 'deleted');
  clients.remove(other);
  expect(told).toEqual([
    'started s1',
    'connected a',
    'connected b',
    'started s2',
    'connected c',
    'left a',
    'left b',
    'stopped s1: deleted',
    'left c',
    'stopped s2: last client left',
  ]);
  expect({ all: clients.all(), ofStream: clients.ofStream('s1'), count: clients.count }).toEqual({
    all: [],
    ofStream: [],
    count: 0,
  });
});

it('counts a client that is added or removed twice once', () => {
  const { clients, told } = setUp();
  const client = fakeClient();
  expect([clients.add(client), clients.add(client), clients.count]).toEqual([true, true, 1]);
  clients.remove(client);
  clients.remove(client);
  expect(told).toHaveLength(4);
});

it('takes in no more than it may, until one leaves', () => {
  const { clients, told } = setUp(1);
  const [one, two] = [fakeClient({ id: 'a' }), fakeClient({ id: 'b' })];
  expect([clients.add(one), clients.add(two), clients.add(one)]).toEqual([true, false, true]);
  clients.remove(two);
  expect(told).toEqual([`started ${one.streamId}`, 'connected a']);
  clients.remove(one);
  expect(clients.add(two)).toBe(true);
});
