import { useQuery } from "@tanstack/react-query";
import { ask, isSession, signOut } from "../data/answers";
import styles from "./SignOut.module.css";

/** A button where the console has a token, nothing where it has none. */
export function SignOut() {
  const { data } = useQuery({
    queryKey: ["session"],
    queryFn: ({ signal }) => ask("session", isSession, signal),
    staleTime: Infinity,
  });
  if (data?.token_needed !== true) return null;
  return (
    <button
      className={styles.button}
      type="button"
      data-testid="sign_out"
      onClick={() => {
        void signOut().finally(() => {
          location.reload();
        });
      }}
    >
      Sign out
    </button>
  );
}
