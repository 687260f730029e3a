import ReconnectingWebSocket from "partysocket/ws";
import { metricsOfPush, type Metrics } from "./answers";
import { SILENCE_SECONDS } from "./feed";

export interface LiveHandlers {
  onPush: (metrics: Metrics) => void;
  onDrop: () => void;
}

function liveUrl(): string {
  const url = new URL("monitoring/websocket/live", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Listen to the live channel, reconnecting for ever; returns what ends it. */
export function openLive({ onPush, onDrop }: LiveHandlers): () => void {
  const socket = new ReconnectingWebSocket(liveUrl, [], {
    minReconnectionDelay: 1000,
    maxReconnectionDelay: 5000,
    connectionTimeout: 4000,
    maxEnqueuedMessages: 0,
  });
  let watchdog: ReturnType<typeof setTimeout> | undefined;

  // A half-open link (a sleeping laptop, a stopped process) never closes by itself: silence does it.
  const expectPush = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      socket.reconnect();
    }, SILENCE_SECONDS * 1000);
  };
  const opened = () => {
    expectPush();
  };
  const received = (event: MessageEvent) => {
    const metrics = metricsOfPush(event.data);
    if (metrics === null) return;
    expectPush();
    onPush(metrics);
  };
  const closed = () => {
    clearTimeout(watchdog);
    onDrop();
  };
  socket.addEventListener("open", opened);
  socket.addEventListener("message", received);
  socket.addEventListener("close", closed);
  return () => {
    clearTimeout(watchdog);
    socket.removeEventListener("open", opened);
    socket.removeEventListener("message", received);
    socket.removeEventListener("close", closed);
    socket.close();
  };
}
