# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Keep what was found of each mutant, count it, and know which are equivalent."""

import difflib
import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

EQUIVALENT = Path(__file__).with_name("equivalent")
# found: the run differs. survived: nobody noticed. same: the object is that of the good
# kernel. twin: it is that of a mutant that was tried. unbuilt: it does not compile or link.
VERDICTS = ("found", "survived", "same", "twin", "unbuilt")
Z = 1.96    # of 95 %


@dataclass
class Result:
    id: str
    verdict: str
    by: str             # the architectures that ran, and who noticed
    how: str
    path: str
    function: str
    line: int
    kind: str
    diff: str
    tests: str          # of which version the tests were, of a survivor
    seconds: float
    objects: dict[str, str] = field(default_factory=dict)  # by architecture; none: ""


def diff_of(old: str, new: str) -> str:
    """The changed lines, with nothing around them."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if line[:3] not in ("---", "+++", "@@ "))


def load(path: Path) -> dict[str, Result]:
    """All that is known; the last word on a mutant counts. A line that was cut off when
    the run was stopped is none."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            result = Result(**json.loads(line))
        except json.JSONDecodeError:
            continue
        found[result.id] = result
    return found


def save(path: Path, result: Result) -> None:
    with open(path, "a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(result)) + "\n")


@dataclass
class Equivalent:
    """A mutant that does the same as the good code, though its object differs."""
    path: str
    function: str
    diff: list[str]
    reason: str
    used: bool = False


def words(text: str) -> str:
    return " ".join(text.split())


def equivalents(path: Path = EQUIVALENT) -> list[Equivalent]:
    """The list: a line "FILE FUNCTION", the diff, and the reason, indented."""
    found: list[Equivalent] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] in "+-" and found:
            found[-1].diff.append(line[0] + words(line[1:]))
        elif line[0] == " " and found and found[-1].diff:
            found[-1].reason = words(f"{found[-1].reason} {line}")
        elif len(line.split()) == 2:
            found.append(Equivalent(*line.split(), [], ""))
        else:
            raise ValueError(f"{path}:{number}: neither FILE FUNCTION, a line of a diff nor a reason")
    bad = next((e for e in found if not e.diff or not e.reason), None)
    if bad:
        raise ValueError(f"{path}: {bad.path} {bad.function} has no diff or no reason")
    return found


def reason_of(result: Result, known: list[Equivalent]) -> str:
    lines = [line[0] + words(line[1:]) for line in result.diff.splitlines()]
    for entry in known:
        if (entry.path, entry.function, entry.diff) == (result.path, result.function, lines):
            entry.used = True
            return entry.reason
    return ""


def is_open(result: Result | None, known: list[Equivalent]) -> bool:
    """Whether nobody has noticed it, though the list does not say that it does the same."""
    return bool(result) and result.verdict == "survived" and not reason_of(result, known)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, Z * Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass
class Score:
    found: int = 0              # by KUnit
    in_guest: int = 0           # only by the guest's tests
    survived: int = 0
    equivalent: int = 0
    no_mutants: int = 0

    @property
    def counted(self) -> int:
        return self.found + self.in_guest + self.survived

    @property
    def percent(self) -> float:
        """By KUnit alone."""
        return self.share(self.found)

    @property
    def percent_of_all(self) -> float:
        return self.share(self.found + self.in_guest)

    def share(self, hits: int) -> float:
        return 100 * hits / self.counted if self.counted else 0.0

    def words(self, hits: int) -> str:
        low, high = wilson(hits, self.counted)
        return (f"{hits} of {self.counted} found: {self.share(hits):.1f} % "
                f"(95 % interval {100 * low:.1f} to {100 * high:.1f})")

    def __str__(self) -> str:
        more = f"; with the guest's tests {self.words(self.found + self.in_guest)}" if self.in_guest else ""
        return (f"{self.words(self.found)}{more}; "
                f"{self.equivalent} equivalent, {self.no_mutants} no mutants")


def score(results: list[Result], known: list[Equivalent]) -> Score:
    total = Score()
    for result in results:
        if result.verdict not in ("found", "survived"):
            total.no_mutants += 1
        elif result.verdict == "found" and result.by == "guest":
            total.in_guest += 1
        elif result.verdict == "found":
            total.found += 1
        elif reason_of(result, known):
            total.equivalent += 1
        else:
            total.survived += 1
    return total


def table(results: list[Result], known: list[Equivalent], key: str) -> list[tuple[str, Score]]:
    """The score by file, or by kind."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(getattr(result, key), []).append(result)
    return [(name, score(groups[name], known)) for name in sorted(groups)]


def finders(results: list[Result]) -> Counter:
    return Counter(result.by for result in results if result.verdict == "found")
