"""What the evaluator knows of each rule."""

from __future__ import annotations

from dataclasses import dataclass

from socketscope.rules.state import RuleState
from socketscope.state.database import Database


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A rule's state, and the moment of its last evaluation on the grid of its interval."""

    state: RuleState
    moment: float


class RuleStates:
    """States by the name of the rule. Methods block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, Evaluated]:
        """Return all that is kept."""
        rows = self._database.read("SELECT rule, state, evaluated_at FROM rule_states")
        return {row["rule"]: Evaluated(RuleState.from_json(row["state"]), row["evaluated_at"]) for row in rows}

    def save(self, rule: str, evaluated: Evaluated) -> None:
        """Keep the state of a rule."""
        self._database.write(
            "INSERT OR REPLACE INTO rule_states VALUES (?, ?, ?)", rule, evaluated.state.to_json(), evaluated.moment
        )

    def forget(self, rule: str) -> None:
        """Drop the state of a rule that is no more."""
        self._database.write("DELETE FROM rule_states WHERE rule = ?", rule)
