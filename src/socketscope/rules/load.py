"""Files of rules, the pack among them, with what the configuration says of their thresholds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from socketscope.errors import ConfigurationError, RuleError
from socketscope.rules.build import build
from socketscope.rules.check import check_rule, is_share
from socketscope.rules.document import Document, Place, read
from socketscope.rules.form import RuleForm, RulesForm
from socketscope.rules.mistakes import nearest, rest, validate
from socketscope.rules.model import Rule
from socketscope.rules.quantities import number

PACK: Final[tuple[Path, ...]] = tuple(sorted((Path(__file__).parent / "pack").glob("*.yaml")))
"""The files that are shipped."""

Mistake = RuleError | ConfigurationError


def load_rules(
    files: Iterable[Path] = (),
    *,
    pack: bool = True,
    thresholds: Mapping[str, Any] = MappingProxyType({}),
    disabled: Collection[str] = (),
) -> tuple[Rule, ...]:
    """Read the rules of `files`, and of the pack.

    `thresholds`: name of a rule -> what takes the place of its `above` or `below`, as it would stand in its file
    (`0.9`, `90%`). `disabled` rules are left out. Raises an `ExceptionGroup` of all mistakes: a `RuleError` for each
    in a file, a `ConfigurationError` for each of `thresholds` and `disabled`.
    """
    rules, mistakes = collect(PACK if pack else (), files)
    names = {rule.name for rule in rules}
    changed: dict[str, float] = {}
    for name, threshold in thresholds.items():
        setting = f"alerts.thresholds.{name}"
        if name not in names:
            mistakes.append(ConfigurationError(setting, threshold, f"the name of a rule{nearest(name, names)}"))
            continue
        try:
            changed[name] = number(threshold)
        except ValueError as error:
            mistakes.append(ConfigurationError(setting, threshold, str(error)))
    mistakes += [
        ConfigurationError("alerts.disabled", name, f"the name of a rule{nearest(name, names)}")
        for name in disabled
        if name not in names
    ]
    made = [_with_threshold(rule, changed, mistakes) for rule in rules if rule.name not in disabled]
    if mistakes:
        raise ExceptionGroup("rules", mistakes)
    return tuple(made)


def collect(*groups: Iterable[Path]) -> tuple[list[Rule], list[Mistake]]:
    """Read all rules of all files, and every mistake in them."""
    rules: list[Rule] = []
    mistakes: list[Mistake] = []
    for file in dict.fromkeys(path for group in groups for path in group):
        document, wrong = read(file)
        mistakes += wrong
        if document.root is not None:
            found, wrong = rules_of(document)
            rules += found
            mistakes += wrong
        elif not wrong:
            mistakes.append(document.mistake((), "a list of rules under the key 'rules'"))
    first: dict[str, Rule] = {}
    for rule in rules:
        if rule.name in first and rule.source and (other := first[rule.name].source):
            file, line = rule.source
            expected = f"a name that no other rule has; {other[0]}:{other[1]} has it"
            mistakes.append(RuleError(file, line, "alert", expected, rule.name))
        first.setdefault(rule.name, rule)
    return list(first.values()), mistakes


def rules_of(document: Document, *, others: Collection[str] = ()) -> tuple[list[Rule], list[RuleError]]:
    """Read the rules of one document, beside whose `rules` the keys `others` may stand."""
    if not isinstance(document.data, dict) or not isinstance(document.data.get("rules"), list):
        return [], [document.mistake((), "a list of rules under the key 'rules'")]
    known = [*RulesForm.model_fields, *others]
    mistakes = [
        document.mistake((str(key),), f"one of the keys {', '.join(known)}{nearest(str(key), known)}")
        for key in document.data
        if key not in known
    ]
    rules = []
    for index in range(len(document.data["rules"])):
        within: Place = ("rules", index)
        form, wrong = validate(RuleForm, document, within)
        checked = form or rest(RuleForm, document, within)
        if checked is not None:
            wrong += [
                document.mistake(place, expected, within=within, found=found)
                for place, expected, found in check_rule(checked)
                if form is not None or place  # what a rule lacks may be what was wrong
            ]
        if form is not None and not wrong:
            rules.append(build(form, document, within))
        mistakes += wrong
    return rules, sorted(mistakes, key=lambda mistake: mistake.line)


def _with_threshold(rule: Rule, changed: Mapping[str, float], mistakes: list[Mistake]) -> Rule:
    if rule.name not in changed:
        return rule
    threshold = changed[rule.name]
    setting = f"alerts.thresholds.{rule.name}"
    if rule.absent:
        mistakes.append(ConfigurationError(setting, threshold, "no threshold: this rule asks what is absent"))
        return rule
    if is_share(rule.query) and not 0 <= threshold <= 1:
        mistakes.append(ConfigurationError(setting, threshold, "a share from 0 to 1, or a percentage as 90%"))
    return replace(rule, above=threshold) if rule.above is not None else replace(rule, below=threshold)
