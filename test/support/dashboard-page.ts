import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** The dashboard in a real browser; whatever it complains about is kept. */
export interface DashboardPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts and on the console, refusals by the page's policy among them. */
  readonly troubles: string[];
  /** Hosts that were asked for anything. */
  readonly hosts: Set<string>;
  /** What axe finds wrong with the page as it is now, one line each. */
  readonly axe: () => Promise<string[]>;
}

export interface DashboardPageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

/** @param args further arguments for Chromium. */
export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', ...args] });
}

/** Opens the dashboard of the agent at `url` in a browser profile of its own. */
export async function openDashboard(
  browser: Browser,
  url: string,
  { width = 1440, height = 900, scheme = 'light' }: DashboardPageOptions = {},
): Promise<DashboardPage> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
    ...(width < 500 ? { hasTouch: true, isMobile: true } : {}),
  });
  const page = await context.newPage();
  const troubles: string[] = [];
  const hosts = new Set<string>();
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(message.text());
  });
  page.on('request', (request) => {
    if (/^https?:/.test(request.url())) hosts.add(new URL(request.url()).host);
  });
  await page.goto(url);
  const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
  return {
    page,
    context,
    troubles,
    hosts,
    async axe() {
      // Evaluated by the debugger's protocol, which the page's policy does not concern.
      const found = await page.evaluate<string[]>(`${axeSource};
        axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
          violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ': ' + target.join(' ') + ' ' + failureSummary.split('\\n')[1])))`);
      return found;
    },
  };
}
