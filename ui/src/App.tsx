import { Cards } from "./components/Cards";
import { Channels } from "./components/Channels";
import { ConnectionTable } from "./components/ConnectionTable";
import { Header } from "./components/Header";
import { Reports } from "./components/Reports";
import { SignIn } from "./components/SignIn";
import { SignOut } from "./components/SignOut";
import { StaleNote } from "./components/StaleNote";
import { SystemBars } from "./components/SystemBars";
import { Timeline } from "./components/Timeline";
import { describe, isDim } from "./data/feed";
import { count } from "./data/format";
import { useFeed } from "./hooks/useFeed";
import { useNow } from "./hooks/useNow";
import styles from "./App.module.css";

export function App() {
  const now = useNow();
  const feed = useFeed(now);
  const state = describe(feed, now);
  const metrics = feed.snapshot?.metrics ?? null;
  const dim = isDim(state.kind);
  const open = metrics?.current_connections ?? null;

  if (feed.signedOut) {
    return (
      <>
        <title>socketscope: sign in</title>
        <SignIn />
      </>
    );
  }
  return (
    <>
      <title>
        {dim
          ? `(${state.kind}) socketscope`
          : open === null
            ? "socketscope"
            : `${count(open)} open · socketscope`}
      </title>
      <Header state={state} metrics={metrics}>
        <SignOut />
      </Header>
      <main className={styles.main}>
        {dim && <StaleNote state={state} />}
        <div className={styles.numbers} data-testid="numbers" data-dim={dim}>
          <Cards metrics={metrics} />
          <div className={styles.split}>
            <Timeline tail={feed.tail} />
            <div className={styles.side}>
              <SystemBars metrics={metrics} />
              <Channels metrics={metrics} />
            </div>
          </div>
          <ConnectionTable />
        </div>
        <Reports />
      </main>
    </>
  );
}
