import { useState } from 'preact/hooks';

/** Who works with this page: kept for this tab only, never in a URL. */
export interface Operator {
  readonly token: string | undefined;
  readonly name: string;
  set(token: string | undefined, name: string): void;
}

const tokenKey = 'mtxpilot.token';
const nameKey = 'mtxpilot.operator';

export function useOperator(): Operator {
  const [state, setState] = useState({
    token: sessionStorage.getItem(tokenKey) ?? undefined,
    name: sessionStorage.getItem(nameKey) ?? '',
  });
  return {
    ...state,
    set(token, name) {
      if (token === undefined) sessionStorage.removeItem(tokenKey);
      else sessionStorage.setItem(tokenKey, token);
      sessionStorage.setItem(nameKey, name);
      setState({ token, name });
    },
  };
}
