import "react";

declare module "react" {
  interface CSSProperties {
    /** Length of a card's number, from which its font size follows. */
    "--characters"?: number;
  }
}
