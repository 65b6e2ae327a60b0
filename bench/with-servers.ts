/** The shipped haproxy.cfg with servers mtx1, mtx2, … at these addresses instead of its three. */
export function withServers(config: string, addresses: readonly string[]): string {
  const list = / {4}server mtx1 .*\n {4}server mtx2 .*\n {4}server mtx3 .*\n/;
  if (!list.test(config)) throw new Error('the list of servers was not found in haproxy.cfg');
  return config.replace(list, addresses.map((address, i) => `    server mtx${i + 1} ${address}\n`).join(''));
}
