import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ownValue } from '../src/wire/own-value';

export interface VirtualListProps {
  readonly label: string;
  readonly total: number;
  readonly rowHeight: number;
  /** A change of it takes the list back to its start. */
  readonly resetKey: string;
  readonly onLook: (first: number, last: number) => void;
  readonly onOpen: (index: number) => void;
  /** One row's content; its first button or link gets the keyboard. */
  readonly row: (index: number) => ComponentChildren;
}

/** Rows drawn above and below those that are seen. */
const spare = 8;

/** A list of which only the rows in sight are drawn. Arrow keys, Page Up and Down, Home and End go through it; Enter opens a row. */
export function VirtualList({ label, total, rowHeight, resetKey, onLook, onOpen, row }: VirtualListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [active, setActive] = useState(0);
  const moveFocus = useRef(false);

  const first = Math.max(0, Math.floor(view.top / rowHeight) - spare);
  const last = Math.min(total - 1, Math.ceil((view.top + view.height) / rowHeight) + spare);

  const measure = (): void => {
    const element = box.current;
    if (element !== null) setView({ top: element.scrollTop, height: element.clientHeight });
  };
  useLayoutEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    if (box.current !== null) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (box.current !== null) box.current.scrollTop = 0;
    setActive(0);
  }, [resetKey]);
  useEffect(() => {
    if (total > 0) onLook(first, last);
  }, [first, last, total, onLook]);
  useLayoutEffect(() => {
    if (!moveFocus.current) return;
    moveFocus.current = false;
    box.current?.querySelector<HTMLElement>(`[data-index="${active}"]`)?.focus({ preventScroll: true });
  }, [active]);

  const goTo = (index: number): void => {
    const to = Math.min(total - 1, Math.max(0, index));
    const element = box.current;
    if (element === null) return;
    const top = to * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight;
    }
    measure();
    moveFocus.current = to !== active;
    setActive(to);
  };

  const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: active + 1,
    ArrowUp: active - 1,
    PageDown: active + page,
    PageUp: active - page,
    Home: 0,
    End: total - 1,
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const isRow = event.target instanceof HTMLElement && event.target.dataset['index'] !== undefined;
    if (!isRow) return;
    const to = ownValue(steps, event.key);
    if (to !== undefined) goTo(to);
    else if (event.key === 'Enter' || event.key === ' ') onOpen(active);
    else return;
    event.preventDefault();
  };

  const drawn = [];
  for (let index = first; index <= last; index++) drawn.push(index);
  // The row that has the keyboard stays, or the focus would be lost with it.
  if (total > 0 && (active < first || active > last) && active < total) drawn.push(active);
  return (
    <div
      class="virtual"
      ref={box}
      onScroll={measure}
      onKeyDown={onKeyDown}
      role="listbox"
      aria-label={label}
      tabIndex={-1}
    >
      <div class="virtual-space" style={{ height: `${total * rowHeight}px` }} role="presentation">
        {drawn.map((index) => (
          <div
            key={index}
            class="virtual-row"
            style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
            role="option"
            aria-selected={index === active}
            aria-setsize={total}
            aria-posinset={index + 1}
            tabIndex={index === active ? 0 : -1}
            data-index={index}
            onFocus={() => setActive(index)}
            onClick={() => onOpen(index)}
          >
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
