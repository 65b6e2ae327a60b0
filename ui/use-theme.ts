import { useEffect, useState } from 'preact/hooks';

export type Theme = 'auto' | 'light' | 'dark';
const key = 'mtxpilot.theme';
const order: readonly Theme[] = ['auto', 'light', 'dark'];

/** Light or dark: as the system has it, until somebody chooses. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => order.find((known) => known === localStorage.getItem(key)) ?? 'auto');
  useEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    localStorage.setItem(key, theme);
  }, [theme]);
  return [theme, () => setTheme((before) => order[(order.indexOf(before) + 1) % order.length] ?? 'auto')];
}
