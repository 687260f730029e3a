import { useEffect, useState } from "react";
import { moment, type Moment } from "../data/clock";

/** The present, a second at a time. */
export function useNow(): Moment {
  const [now, setNow] = useState(moment);
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(moment());
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return now;
}
