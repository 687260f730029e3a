"""What the store must answer, in plain Python over a list of points. Times are whole seconds since `T0`."""

from dataclasses import dataclass, field

CREATED = -1.0
"""When the store was made."""


@dataclass(frozen=True)
class Point:
    series: int
    time: int
    value: int
    start: int | None = 0


@dataclass
class Oracle:
    """Points as they were acknowledged; of two with the same time the first one counts."""

    delta: bool = False
    points: dict = field(default_factory=dict)

    def take(self, point):
        self.points.setdefault((point.series, point.time), point)

    def of(self, series):
        return [self.points[key] for key in sorted(self.points) if key[0] == series]

    def steps(self, series):
        """[(time, what was counted there, the start that a window must contain for it)]"""
        steps, before = [], None
        for point in self.of(series):
            taken = point
            if self.delta:
                steps.append((point.time, point.value, None))
            elif before is None:
                older = point.start is not None and point.start < CREATED
                steps.append((point.time, 0 if older else point.value, None))
                if older:
                    steps.append((point.time, point.value, point.start))
            elif point.start is not None and point.start == before.start:
                # The same life: it can't have fallen, so its clock was put back.
                steps.append((point.time, max(0, point.value - before.value), None))
                taken = max(point, before, key=lambda of: of.value)
            elif point.value < before.value or (None not in (point.start, before.start) and point.start > before.start):
                steps.append((point.time, point.value, None))
            else:
                steps.append((point.time, point.value - before.value, None))
            before = taken
        return steps

    def increase(self, series, since, until):
        """None where the series has no point in `(since, until]`."""
        within = [step for step in self.steps(series) if since < step[0] <= until]
        return sum(step for _, step, start in within if start is None or start > since) if within else None

    def values(self, series, since, until):
        return [point.value for point in self.of(series) if since < point.time <= until]

    def answer(self, over_time, since, until):
        """The sum over all series."""
        reduce = {"last": lambda values: values[-1], "min": min, "max": max, "avg": lambda v: sum(v) / len(v)}
        found = []
        for series in {series for series, _ in self.points}:
            if over_time == "increase":
                found.append(self.increase(series, since, until))
            elif values := self.values(series, since, until):
                found.append(reduce[over_time](values))
        found = [value for value in found if value is not None]
        return sum(found) if found else None
