"""A YAML file with the line of everything in it, so that a mistake can be pointed at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from socketscope.errors import RuleError

Place = tuple[str | int, ...]
"""Keys and positions that lead to something in a document."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says: plain values, and the nodes that they were read from."""

    file: Path
    data: Any
    root: yaml.Node | None

    def line(self, place: Place) -> int:
        """Find the line (from 1) of what is at `place`, or of the nearest thing around it that is there."""
        node, line = self.root, 1
        for step in (None, *place):
            if step is not None:
                node, line = _child(node, step, line)
            elif node is not None:
                line = node.start_mark.line + 1
            if node is None:
                break
        return line

    def value(self, place: Place) -> Any:
        """Give what is at `place`; None where there is nothing."""
        found = self.data
        for step in place:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def mistake(self, place: Place, expected: str, *, within: Place = (), found: Any = None) -> RuleError:
        """Make the error for what is at `within + place`, whose key is shown from `within` on."""
        return RuleError(self.file, self.line((*within, *place)), shown(place or within), expected, found)


def read(file: Path) -> tuple[Document, list[RuleError]]:
    """Read a file. What can't be read as YAML, and keys that stand twice, are in the list of mistakes."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Document(file, None, None), [RuleError(file, 1, "file", f"a file in UTF-8 that can be read ({error})")]
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error)
        return Document(file, None, None), [RuleError(file, mark.line + 1 if mark else 1, "file", f"YAML ({why})")]
    except (ValueError, RecursionError) as error:  # as the 30th of February, which looks like a date
        return Document(file, None, None), [RuleError(file, 1, "file", f"YAML with values that there are ({error})")]
    document = Document(file, data, root)
    twice = [document.mistake(place, "each key once") for place, _ in repeated(root)]
    return document, twice


def shown(place: Place) -> str:
    """Write a place as `query.where.state` or `rules[2]`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "file"


def _child(node: yaml.Node | None, step: str | int, line: int) -> tuple[yaml.Node | None, int]:
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(step):
                return value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child, child.start_mark.line + 1
    return None, line


def repeated(root: yaml.Node | None) -> Iterator[tuple[Place, int]]:
    """Yield every key that stands more than once in its mapping, with the line (from 1) where it does so again."""
    if root is not None:
        yield from _repeated(root, (), set())


def _repeated(node: yaml.Node, place: Place, seen: set[int]) -> Iterator[tuple[Place, int]]:
    if id(node) in seen:  # an alias, looked at where its anchor is
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                yield (*place, key.value), key.start_mark.line + 1
            keys.add(key.value)
            yield from _repeated(value, (*place, key.value), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _repeated(value, (*place, index), seen)


def places(error: Sequence[str | int]) -> Place:
    """Take pydantic's place of an error, without the tags that it puts in for the members of a union."""
    return tuple(step for step in error if not (isinstance(step, str) and step.startswith("(")))
