/** What a PromQL expression refers to, found without a parser: promtool has one, and says whether the expression is right at all. */
export interface References {
  /** Each metric as often as it is named. */
  readonly selectors: readonly Selector[];
  /** Labels of `by`, `without`, `on` and `ignoring`. */
  readonly labels: readonly string[];
}

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

export function referencesOf(expression: string): References {
  const selectors: Selector[] = [];
  const groupings: string[] = [];
  const rest = expression.replace(
    /\b(?:by|without|on|ignoring|group_left|group_right) ?\(([^)]*)\)/g,
    (_, inside: string) => {
      groupings.push(...inside.split(',').map((label) => label.trim()));
      return ' ';
    },
  );
  // A name that no bracket follows is a metric, or one of the words between.
  for (const [, metric = '', inside = ''] of rest.matchAll(/\b([a-z_][a-z0-9_]*)\b(?!\s*\()(?:\{([^}]*)\})?/gi)) {
    if (!isMetric(metric)) continue;
    const matchers = [...inside.matchAll(/([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)];
    selectors.push({
      metric,
      matchers: matchers.map(([, label = '', operator = '', value = '']) => ({ label, operator, value })),
    });
  }
  return { selectors, labels: groupings.filter((label) => label !== '') };
}

/** Everything with a prefix of its own: a misspelled name is still one. */
function isMetric(name: string): boolean {
  return name === 'up' || /^(mtxpilot|process|nodejs)_/.test(name);
}
