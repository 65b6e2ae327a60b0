import { errorCode } from '../wire';

const code = 'LEASE_LOST';

/** What a write rejects with that was to be made under a lease which is not held any more. */
export function leaseLost(lease: string): Error {
  return Object.assign(new Error(`the lease ${lease} is not held by this process`), { code });
}

export function isLeaseLost(error: unknown): boolean {
  return errorCode(error) === code;
}
