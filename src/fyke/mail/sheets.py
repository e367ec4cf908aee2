"""Style sheets in a message: which rules of them apply to an element."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fyke.mail.notes import Notes
from fyke.mail.styles import Declarations, declarations, pixels

SHEET_CHARS = 100_000
"""of all style sheets of a message"""
RULES = 1000
"""of all style sheets of a message"""
BRACES = 3_000
"""of all style sheets of a message"""
TRIES = 3_000
"""of a rule on an element, of all rules and elements of a message"""
STEPS = 30_000
"""over elements around one, to find those that a rule asks for, in a message"""

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_BRACES = re.compile(r"[{}]")
_COMPOUND = re.compile(r"(?:\*|[a-z][a-z0-9]{0,20})?(?:[.#][\w-]{1,80}){0,4}\Z")
_SIMPLE = re.compile(r"[.#]?[\w-]+")
_CONDITION = re.compile(r"\(\s?(min|max)-width\s?:\s?([0-9.]{1,9}(?:px|em|rem)?)\s?\)\Z")
SCREEN = 900
"""pixels of width that a reader's screen is taken to have"""

_NONE: Declarations = {}

Names = frozenset[str]
"""What selectors call an element: its tag, ``#id`` and ``.class`` each"""


@dataclass(slots=True)
class _Rule:
    subject: Names
    ancestors: list[Names]
    style: Declarations
    order: tuple[int, int, int, int]
    """ids, classes and tags that its selector names, then its place: the later of two rules wins"""


@dataclass(slots=True)
class Sheet:
    """The rules that can hide text.

    Selectors of tags, classes and ids with descendant and child combinators are understood; others, and what holds for
    other screens or for paper, are left out.
    """

    notes: Notes
    """have what all style sheets of the message took"""
    _rules: dict[str, list[_Rule]] = field(default_factory=dict)
    _merged: dict[tuple[int, ...], Declarations] = field(default_factory=dict)
    cut: bool = False
    """whether a limit left rules or elements out"""
    _over: bool = False  # no further element is looked at

    @property
    def empty(self) -> bool:
        """Whether no rule can apply to anything."""
        return not self._rules

    def add(self, css: str) -> None:
        """Read the text of one ``style`` element."""
        left = max(0, SHEET_CHARS - self.notes.spent["style characters"])
        self.notes.spent["style characters"] += len(css)
        if len(css) > left:
            self.cut = True
            css = css[:left]
        skipped = depth = at = 0  # skipped: the depth at which an at-rule began that is left out, 0 for none
        prelude = ""
        css = _COMMENT.sub("", css).lower()
        for brace in _BRACES.finditer(css):
            if not (self.notes.left("braces", BRACES) and self.notes.left("rules", RULES)):
                self.cut = True
                return
            self.notes.spend("braces", 1)
            piece = css[at : brace.start()]
            at = brace.end()
            if brace[0] == "{":
                prelude = piece.rpartition(";")[2].strip()
                depth += 1
                if prelude.startswith("@") and not skipped and not _holds(prelude[:200]):
                    skipped = depth
            else:
                if not skipped and prelude and not prelude.startswith("@"):
                    self._add_rule(prelude, piece)
                if skipped == depth:
                    skipped = 0
                depth, prelude = max(0, depth - 1), ""

    def _add_rule(self, selectors: str, body: str) -> None:
        style = declarations(body)
        if not style:
            return
        for selector in selectors[:2000].split(","):
            compounds = selector.replace(">", " ").split()
            if not compounds or len(compounds) > 6:
                continue
            if not all(map(_COMPOUND.match, compounds)):
                continue
            if not self.notes.left("rules", RULES):
                self.cut = True
                return
            names = [frozenset(_SIMPLE.findall(compound)) for compound in compounds]
            key = max(names[-1], key=lambda name: "#.".find(name[0]), default="*")
            self.notes.spend("rules", 1)
            order = (*_specificity(names), self.notes.spent["rules"])
            self._rules.setdefault(key, []).append(_Rule(names[-1], names[:-1], style, order))

    def applying(self, names: Names, above: Sequence[Names]) -> Declarations:
        """What the rules declare for an element with these names inside these others, the nearest last.

        Not yet cascaded: what is ``!important`` stands beside what is not.
        """
        if not self._rules or self._over:
            return _NONE
        notes = self.notes
        candidates = [rule for name in (*names, "*") if name in self._rules for rule in self._rules[name]]
        if len(candidates) > notes.left("tries", TRIES):
            self.cut = self._over = True
            return _NONE
        notes.spend("tries", len(candidates))
        found = [rule for rule in candidates if rule.subject <= names]
        notes.spent["steps"] += sum(1 for rule in found if rule.ancestors) * len(above)
        if notes.spent["steps"] > STEPS:
            self.cut = self._over = True
            return _NONE
        found = [rule for rule in found if _inside(rule.ancestors, above)]
        return self._merge(sorted(found, key=lambda rule: rule.order)) if found else _NONE

    def _merge(self, rules: list[_Rule]) -> Declarations:
        """What rules declare together; the same rules give the same object."""
        key = tuple(rule.order[-1] for rule in rules)
        style = self._merged.get(key)
        if style is None:
            style = self._merged[key] = {}
            for rule in rules:
                style |= rule.style
        return style


def _specificity(compounds: Sequence[Names]) -> tuple[int, int, int]:
    """How many ids, classes and tags a selector names."""
    first = [name[0] for names in compounds for name in names]
    return first.count("#"), first.count("."), len(first) - first.count("#") - first.count(".")


def _holds(prelude: str) -> bool:
    """Whether the rules inside an at-rule hold for a reader with a screen of `SCREEN` pixels."""
    if prelude.startswith("@supports"):
        return "not" not in prelude
    return prelude.startswith("@media") and any(map(_fits, prelude[len("@media") :].split(",")))


def _fits(query: str) -> bool:
    for part in re.split(r"\sand\s", f" {query} ".replace(" only ", " ")):
        condition = _CONDITION.match(part.strip())
        if condition is not None:
            width = pixels(condition[2]) or 0
            if width > SCREEN if condition[1] == "min" else width < SCREEN:
                return False
        elif part.strip() not in ("", "all", "screen"):
            return False
    return True


def _inside(wanted: list[Names], above: Iterable[Names]) -> bool:
    """Whether the wanted ancestors are there, in order."""
    if not wanted:
        return True
    rest = iter(above)
    return all(any(compound <= names for names in rest) for compound in wanted)
