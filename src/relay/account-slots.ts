import type { Logger } from '../log';
import type { Quota } from '../store';
import { parsedUrl } from '../wire';
import { type AccountShare, createAccountShare } from './account-share';
import type { Accounts, Slot, SlotRequest } from './accounts';
import { isAborted } from './deadline';
import { portOf } from './provider-connection';

export interface AccountSettings {
  /**
   * Which URLs belong to it: a host (`tv.example`), a host and port (`tv.example:8080`), or the beginning of a URL
   * (`http://tv.example/live/alice/`). When several accounts match, the longest wins.
   */
  readonly match: string;
  readonly maxConnections: number;
}

/** What it takes to count an account's connections together with other relays. */
export interface SharedCounting {
  /** By the account's name. */
  readonly quotaOf: (name: string) => Quota;
  readonly log: Logger;
  /** As of an account's share. */
  readonly answerWithinMs?: number;
}

export interface CountedAccounts extends Accounts {
  /** Gives back what other relays may have. */
  stop(): Promise<void>;
}

/** For all accounts together; who comes then gets none. */
const mostWaiting = 1000;

interface Account {
  readonly name: string;
  readonly maxConnections: number;
  /** In the order in which the slots were taken. */
  readonly holders: Set<Holder>;
  readonly waiting: Set<Waiter>;
  /** Undefined where all connections are this relay's. */
  share: AccountShare | undefined;
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
 * Counts the connections of each account: alone, or together with other relays.
 * @param settings by the account's name.
 * @throws RangeError that names an account whose match is neither a host nor the beginning of a URL.
 */
export function createAccounts(
  settings: ReadonlyMap<string, AccountSettings>,
  shared?: SharedCounting,
): CountedAccounts {
  const accounts = [...settings].map(([name, { match, maxConnections }]) => {
    const account: Account = { name, maxConnections, holders: new Set(), waiting: new Set(), share: undefined };
    if (shared !== undefined) account.share = shareOf(account, shared);
    const matches = matcherOf(match);
    // Without the text: it may hold a login.
    if (matches === undefined) throw new RangeError(`The match of the account ${name} is no host and no URL`);
    return { account, matches, length: match.length };
  });
  const longestFirst = [...accounts].sort((a, b) => b.length - a.length);
  let waitingCount = 0;

  function accountOf(url: string): Account | undefined {
    const parsed = accounts.length === 0 ? undefined : parsedUrl(url);
    return parsed === undefined ? undefined : longestFirst.find(({ matches }) => matches(parsed))?.account;
  }

  function takeOf(account: Account, request: SlotRequest): Slot | undefined | Promise<Slot | undefined> {
    if (hasFree(account)) return hold(account, request);
    // Nobody else has any of it.
    if (account.share === undefined || account.holders.size >= account.maxConnections)
      return takeOver(account, request);
    const { share } = account;
    return new Promise((resolve) => {
      const waiter = enqueue(account, request, resolve);
      void share.settle().then(() => {
        if (account.waiting.delete(waiter)) resolve(takeOver(account, request));
      });
    });
  }

  function waitOf(
    account: Account,
    request: SlotRequest,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Slot | undefined> {
    return new Promise((resolve) => {
      const waiter = enqueue(account, request, (slot) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        waitingCount--;
        resolve(slot);
      });
      const giveUp = (): void => waiter.settle(undefined);
      const timer = setTimeout(giveUp, waitMs);
      signal.addEventListener('abort', giveUp, { once: true });
      waitingCount++;
      void account.share?.settle();
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
      const taken = takeOf(account, request);
      let slot = taken instanceof Promise ? await taken : taken;
      if (slot === undefined && !isAborted(signal) && waitingCount < mostWaiting)
        slot = await waitOf(account, request, waitMs, signal);
      if (!isAborted(signal)) return slot;
      slot?.release();
      return undefined;
    },
    list: () =>
      accounts.map(({ account: { name, maxConnections, holders, waiting, share } }) => ({
        name,
        maxConnections,
        inUse: holders.size,
        inUseElsewhere: share?.elsewhere ?? 0,
        isAlone: share?.isAlone === true,
        waiting: waiting.size,
      })),
    async stop() {
      await Promise.all(accounts.flatMap(({ account: { share } }) => share?.stop() ?? []));
    },
  };
}

function shareOf(account: Account, { quotaOf, log, answerWithinMs }: SharedCounting): AccountShare {
  const { name, maxConnections, holders, waiting } = account;
  return createAccountShare({
    quota: quotaOf(name),
    most: maxConnections,
    demand: () => ({ open: holders.size, wanted: waiting.size }),
    onAnswer: () => serve(account),
    onAlone(reason) {
      if (reason === undefined)
        log.info({ account: name }, 'connections of the account are counted with other relays again');
      else {
        const text = 'connections of the account are counted for this relay alone until the store answers';
        log.warn({ account: name, error: reason }, text);
      }
    },
    ...(answerWithinMs === undefined ? {} : { answerWithinMs }),
  });
}

function hasFree({ holders, share, maxConnections }: Account): boolean {
  return holders.size < (share?.limit ?? maxConnections);
}

function hold(account: Account, request: SlotRequest): Slot {
  const holder: Holder = { request };
  account.holders.add(holder);
  return {
    account: account.name,
    release() {
      // Also false when it was taken over.
      if (!account.holders.delete(holder)) return;
      serve(account);
      void account.share?.settle();
    },
  };
}

function serve(account: Account): void {
  for (const waiter of account.waiting) {
    if (!hasFree(account)) return;
    waiter.settle(hold(account, waiter.request));
  }
}

/** The slot of an older channel of the same client. */
function takeOver(account: Account, request: SlotRequest): Slot | undefined {
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

/** Who comes first is served first. */
function enqueue(account: Account, request: SlotRequest, settled: (slot: Slot | undefined) => void): Waiter {
  const waiter: Waiter = {
    request,
    settle(slot) {
      if (account.waiting.delete(waiter)) settled(slot);
    },
  };
  account.waiting.add(waiter);
  return waiter;
}

const unlimitedSlot: Slot = { account: undefined, release: () => undefined };

/** Undefined for what is neither a host nor the beginning of a URL of http(s). */
function matcherOf(match: string): ((url: URL) => boolean) | undefined {
  if (/^https?:\/\//i.test(match)) {
    const prefix = parsedUrl(match);
    if (prefix === undefined) return undefined;
    const text = comparable(prefix);
    const isLogin = (url: URL): boolean => prefix.username === url.username && prefix.password === url.password;
    return (url) => (prefix.username === '' || isLogin(url)) && comparable(url).startsWith(text);
  }
  const only = /[/?#@\\\s]/.test(match) ? undefined : parsedUrl(`http://${match}`);
  if (only === undefined) return undefined;
  const host = hostKey(only.hostname);
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
