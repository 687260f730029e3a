const SHOWN = 10;
/** The name under which channels beyond the cardinality limit are folded together. */
const OVERFLOW = "_other";

export interface Channel {
  name: string;
  connections: number;
}

export interface TopChannels {
  top: Channel[];
  /** How many named channels are not in `top`. */
  more: number;
  /** Connections of the channels that have no name of their own any more. */
  folded: number;
}

/** The channels with most open connections, ties by name. */
export function topChannels(byChannel: Readonly<Record<string, number>>): TopChannels {
  const named = Object.entries(byChannel)
    .map(([name, connections]) => ({ name, connections }))
    .filter(({ name }) => name !== OVERFLOW)
    .sort((a, b) => b.connections - a.connections || (a.name < b.name ? -1 : 1));
  const top = named.slice(0, SHOWN);
  return { top, more: named.length - top.length, folded: byChannel[OVERFLOW] ?? 0 };
}
