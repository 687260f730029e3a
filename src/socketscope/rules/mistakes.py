"""What pydantic found wrong, said in the words of the file: the key, and what was expected there."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from socketscope.errors import RuleError
from socketscope.rules.document import Document, Place, places
from socketscope.rules.form import QueryForm, RatioForm, RawForm

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Form = TypeVar("Form", bound=BaseModel)

_TAGGED: Final[dict[int | str, type[BaseModel]]] = {
    "(query)": QueryForm,
    "(side)": QueryForm,
    "(ratio)": RatioForm,
    "(raw)": RawForm,
}
"""The shape of each member of a union, by its tag."""
_MOST_MISTAKES: Final = 5
"""Rounds of taking away what is wrong; one is nearly always enough."""
_NAME: Final = "letters, digits and _, beginning with no digit"
"""The one pattern that a file of rules knows."""
_KINDS: Final = {
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "mapping_type": "keys and values",
    "string_too_short": "text that is not empty",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "union_tag_not_found": "keys and values, with 'metric', 'ratio' or 'raw'",
    "union_tag_invalid": "keys and values, with 'metric', 'ratio' or 'raw'",
    "float_type": "a number",
    "int_type": "a whole number",
}


def validate(form: type[Form], document: Document, within: Place) -> tuple[Form | None, list[RuleError]]:
    """Read what stands at `within` as a `form`, or say everything that is wrong with it."""
    try:
        return form.model_validate(document.value(within)), []
    except ValidationError as error:
        return None, list(_mistakes(error.errors(), form, document, within))


def rest(form: type[Form], document: Document, within: Place) -> Form | None:
    """Read what is right in what stands at `within`, so that more can be said of it; None where too little is."""
    data = copy.deepcopy(document.value(within))
    for _ in range(_MOST_MISTAKES):
        try:
            return form.model_validate(data)
        except ValidationError as error:
            for detail in error.errors():
                if detail["type"] == "missing" or not _removed(data, places(detail["loc"])):
                    return None
    return None


def nearest(name: str, known: Iterable[str]) -> str:
    """Give a hint of the names that are like `name`: empty, or " (nearest: a, b)"."""
    found = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f" (nearest: {', '.join(found)})" if found else ""


def wanted(detail: ErrorDetails) -> str:
    """Say what pydantic expected, in the words of a file and not in those of Python."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"text like {context.get('pattern')}"
    if kind == "too_short":
        return f"at least {context.get('min_length')}"
    return _KINDS.get(kind) or detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")


def _removed(data: Any, place: Place) -> bool:
    """Take away what is wrong: a key of a mapping, unless it has to be there."""
    for step in place[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return False
    if not place or not isinstance(data, dict) or place[-1] not in data:
        return False
    if place[-1] == "alert":
        data["alert"] = "Unnamed"
    else:
        del data[place[-1]]
    return True


def _mistakes(
    details: Iterable[ErrorDetails], form: type[BaseModel], document: Document, within: Place
) -> Iterator[RuleError]:
    for detail in details:
        place = places(detail["loc"])
        kind, found = detail["type"], detail["input"]
        if kind == "missing":
            yield document.mistake(place, "this key, which has to be there", within=within)
        elif kind == "extra_forbidden":
            known = _keys(form, detail["loc"])
            expected = f"one of the keys {', '.join(known)}{nearest(str(place[-1]), known)}"
            yield document.mistake(place, expected, within=within)
        elif kind == "literal_error" or place[-1:] == ("[key]",):
            place = place[:-1] if place[-1:] == ("[key]",) else place
            yield document.mistake(
                place, detail.get("ctx", {}).get("expected", "a known name"), within=within, found=found
            )
        elif kind in ("too_short", "too_long"):
            yield document.mistake(place, _how_many(detail), within=within)
        else:
            expected = _NAME if kind == "string_pattern_mismatch" else wanted(detail)
            yield document.mistake(place, expected, within=within, found=found)


def _how_many(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if "max_length" in context or context.get("min_length") == 2:
        return f"two sides, {context.get('actual_length')} are there"
    return f"at least {context.get('min_length')}"


def _keys(form: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Find the keys of the shape in which an unknown one stands."""
    shape = form
    for step in loc[:-1]:
        if step in _TAGGED:
            shape = _TAGGED[step]
        elif inner := _inner(shape, step):
            shape = inner
    return [field.alias or name for name, field in shape.model_fields.items()]


def _inner(shape: type[BaseModel], step: int | str) -> type[BaseModel] | None:
    """Find the one shape that a field holds, itself or in a list."""
    for name, field in shape.model_fields.items():
        if step in (name, field.alias):
            annotation = field.annotation
            while (arguments := get_args(annotation)) and len(arguments) == 1:
                [annotation] = arguments
            return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return None
