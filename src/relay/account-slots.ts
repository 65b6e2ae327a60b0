import type { Accounts, Slot, SlotRequest } from './accounts';
import { portOf } from './provider-connection';

export interface AccountSettings {
  /**
   * Which URLs belong to it: a host (`tv.example`), a host and port (`tv.example:8080`), or the beginning of a URL
   * (`http://tv.example/live/alice/`). When several accounts match, the longest wins.
   */
  readonly match: string;
  readonly maxConnections: number;
}

/** For all accounts together; who comes then gets none. */
const mostWaiting = 1000;

interface Account {
  readonly name: string;
  readonly maxConnections: number;
  /** In the order in which the slots were taken. */
  readonly holders: Set<Holder>;
  readonly waiting: Set<Waiter>;
}

/** The request is asked who reads when another one wants the slot: readers of a shared stream come and go. */
interface Holder {
  readonly request: SlotRequest;
}

interface Waiter {
  readonly request: SlotRequest;
  settle(slot: Slot | undefined): void;
}

/**
 * Counts the connections of each account.
 * @param settings by the account's name.
 * @throws RangeError that names an account whose match is neither a host nor the beginning of a URL.
 */
export function createAccounts(settings: ReadonlyMap<string, AccountSettings>): Accounts {
  const accounts = [...settings].map(([name, { match, maxConnections }]) => {
    const account: Account = { name, maxConnections, holders: new Set(), waiting: new Set() };
    const matches = matcherOf(match);
    // Without the text: it may hold a login.
    if (matches === undefined) throw new RangeError(`The match of the account ${name} is no host and no URL`);
    return { account, matches, length: match.length };
  });
  const longestFirst = [...accounts].sort((a, b) => b.length - a.length);
  let waitingCount = 0;

  function accountOf(url: string): Account | undefined {
    if (accounts.length === 0 || !URL.canParse(url)) return undefined;
    const parsed = new URL(url);
    return longestFirst.find(({ matches }) => matches(parsed))?.account;
  }

  function hold(account: Account, request: SlotRequest): Slot {
    const holder: Holder = { request };
    account.holders.add(holder);
    return {
      account: account.name,
      release() {
        // Also false when it was taken over.
        if (account.holders.delete(holder)) serveNext(account);
      },
    };
  }

  function serveNext(account: Account): void {
    const [next] = account.waiting;
    if (next !== undefined && account.holders.size < account.maxConnections) next.settle(hold(account, next.request));
  }

  function takeOf(account: Account, request: SlotRequest): Slot | undefined {
    if (account.holders.size < account.maxConnections) return hold(account, request);
    for (const holder of account.holders) {
      if (holder.request.client !== request.client) continue;
      // Nobody else gets the slot in between, whatever is done while the connection is closed.
      account.holders.delete(holder);
      const slot = hold(account, request);
      holder.request.onTakenOver();
      return slot;
    }
    return undefined;
  }

  function waitOf(
    account: Account,
    request: SlotRequest,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Slot | undefined> {
    return new Promise((resolve) => {
      const giveUp = (): void => waiter.settle(undefined);
      const waiter: Waiter = {
        request,
        settle(slot) {
          clearTimeout(timer);
          signal.removeEventListener('abort', giveUp);
          account.waiting.delete(waiter);
          waitingCount--;
          resolve(slot);
        },
      };
      waitingCount++;
      account.waiting.add(waiter);
      const timer = setTimeout(giveUp, waitMs);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  return {
    nameOf: (url) => accountOf(url)?.name,
    take(request) {
      const account = accountOf(request.url);
      return account === undefined ? unlimitedSlot : takeOf(account, request);
    },
    async wait(request, waitMs, signal) {
      if (signal.aborted) return undefined;
      const account = accountOf(request.url);
      if (account === undefined) return unlimitedSlot;
      const slot = takeOf(account, request);
      if (slot !== undefined || waitingCount >= mostWaiting) return slot;
      const granted = await waitOf(account, request, waitMs, signal);
      if (!isAborted(signal)) return granted;
      granted?.release();
      return undefined;
    },
    list: () =>
      accounts.map(({ account: { name, maxConnections, holders, waiting } }) => ({
        name,
        maxConnections,
        inUse: holders.size,
        waiting: waiting.size,
      })),
  };
}

/** A signal changes while it is waited for, which the compiler does not know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

const unlimitedSlot: Slot = { account: undefined, release: () => undefined };

/** Undefined for what is neither a host nor the beginning of a URL of http(s). */
function matcherOf(match: string): ((url: URL) => boolean) | undefined {
  if (/^https?:\/\//i.test(match)) {
    if (!URL.canParse(match)) return undefined;
    const prefix = new URL(match);
    const text = comparable(prefix);
    const isLogin = (url: URL): boolean => prefix.username === url.username && prefix.password === url.password;
    return (url) => (prefix.username === '' || isLogin(url)) && comparable(url).startsWith(text);
  }
  if (/[/?#@\\\s]/.test(match) || !URL.canParse(`http://${match}`)) return undefined;
  const host = hostKey(new URL(`http://${match}`).hostname);
  // Not the URL's, which is empty for 80.
  const port = /:(\d+)$/.exec(match)?.[1];
  return (url) => hostKey(url.hostname) === host && (port === undefined || portOf(url) === Number(port));
}

/** Scheme, host, port, path and query as URLs are compared, so that `http://host` is not the beginning of `http://host.example`. */
function comparable(url: URL): string {
  return `${url.protocol}//${hostKey(url.hostname)}:${portOf(url)}${url.pathname}${url.search}`;
}

function hostKey(hostname: string): string {
  return hostname.replace(/\.$/, '');
}
