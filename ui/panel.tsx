import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';

export interface PanelProps {
  readonly title: ComponentChildren;
  /** The title is a name, in fixed width. */
  readonly isMono?: boolean;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** What is opened of a list's row, beside the list. It has the keyboard first, and Escape closes it. */
export function Panel({ title, isMono = false, onClose, children }: PanelProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  // At once, not after the next picture: between the two a key would find nobody.
  useLayoutEffect(() => {
    // Where the keyboard was, it returns to.
    const before = document.activeElement;
    heading.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);

  return (
    <aside
      class="card panel"
      aria-labelledby="panel-title"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <div class="panel-head">
        <h3 id="panel-title" class={isMono ? 'mono' : undefined} ref={heading} tabIndex={-1}>
          {title}
        </h3>
        <button type="button" class="quiet" onClick={onClose} aria-label="Close the stream">
          <Icon name="close" />
        </button>
      </div>
      <div class="panel-body">{children}</div>
    </aside>
  );
}
