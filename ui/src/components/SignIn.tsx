import { useId, useState, type SubmitEvent } from "react";
import { signIn } from "../data/answers";
import { Panel } from "./Panel";
import styles from "./SignIn.module.css";

/** Asks for the console's token, which the browser then has a cookie for, and starts the page anew. */
export function SignIn() {
  const id = useId();
  const [token, setToken] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    const why = await signIn(token.trim());
    if (why === null) {
      location.reload();
      return;
    }
    setFailure(why);
    setBusy(false);
  };

  return (
    <main className={styles.main}>
      <h1 className={styles.name}>socketscope</h1>
      <Panel title="Sign in">
        <form
          className={styles.form}
          data-testid="sign_in"
          onSubmit={(event) => {
            void submit(event);
          }}
        >
          <label htmlFor={id}>Token of this console</label>
          <input
            id={id}
            className={styles.input}
            type="password"
            name="token"
            autoComplete="current-password"
            autoFocus
            required
            value={token}
            aria-describedby={`${id}-help`}
            aria-invalid={failure !== null}
            onChange={(event) => {
              setToken(event.target.value);
            }}
          />
          <p id={`${id}-help`} className={styles.help}>
            Whoever started the console set it, as <code>SOCKETSCOPE_CONSOLE_TOKEN</code>.
          </p>
          <p className={styles.failure} role="alert" data-testid="sign_in_failure">
            {failure}
          </p>
          <button className={styles.button} type="submit" disabled={busy}>
            {busy ? "Signing in…" : "Sign in"}
          </button>
        </form>
      </Panel>
    </main>
  );
}
