"""Who is told of an alert."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from socketscope.alerts.options import AlertOptions, Route
from socketscope.errors import ConfigurationError
from socketscope.rules.model import Severity
from socketscope.state.matching import matches


class Routing:
    """The routes of a configuration over the notifiers that it names.

    Raises an `ExceptionGroup` of a `ConfigurationError` for each name that there is no notifier of.
    """

    def __init__(self, options: AlertOptions, notifiers: Collection[str]) -> None:
        self._routes: Sequence[Route] = options.routes or (Route(notify=tuple(notifiers)),)
        named = [
            (f"alerts.routes.{number}.notify", name)
            for number, route in enumerate(options.routes)
            for name in route.notify
        ]
        if options.heartbeat:
            named += [("alerts.heartbeat.notify", name) for name in options.heartbeat.notify]
        known = ", ".join(notifiers) or "(there are none)"
        mistakes = [
            ConfigurationError(setting, name, f"the name of a notifier of the section `notifiers`: {known}")
            for setting, name in named
            if name not in notifiers
        ]
        if mistakes:
            raise ExceptionGroup("routes", mistakes)

    def of(self, rule: str, severity: Severity, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names of those who are told, each once."""
        for route in self._routes:
            if route.severity in (None, severity) and matches(
                route.labels, rule=rule, severity=severity, labels=labels
            ):
                return tuple(dict.fromkeys(route.notify))
        return ()
