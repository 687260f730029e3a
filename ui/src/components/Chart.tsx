import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Point, SeriesName } from "../data/history";
import { LINES } from "../data/lines";
import { useDarkScheme } from "../hooks/useDarkScheme";
import { columnsOf, optionsFor } from "./plot";
import styles from "./Chart.module.css";

interface Props {
  points: Point[];
  hidden: ReadonlySet<SeriesName>;
  /** The chart in words. */
  summary: string;
  onCursor: (index: number | null) => void;
}

/** The lines, drawn by uPlot into the box that CSS gives it. */
export function Chart({ points, hidden, summary, onCursor }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = useDarkScheme();

  // Order matters: what draws comes first, what is drawn after it; a new scheme needs all of it again.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const computed = getComputedStyle(element);
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const css = (variable: string) => computed.getPropertyValue(variable);
    const drawn = new uPlot(optionsFor({ css, rem, ...size() }, onCursor), columnsOf([]), element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => {
      drawn.setSize(size());
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [dark, onCursor]);

  useEffect(() => {
    plot.current?.setData(columnsOf(points));
  }, [points, dark]);

  useEffect(() => {
    LINES.forEach((line, index) => plot.current?.setSeries(index + 1, { show: !hidden.has(line.name) }));
  }, [hidden, dark]);

  return <div ref={box} role="img" aria-label={summary} className={`${styles.chart ?? ""} graphic`} />;
}
