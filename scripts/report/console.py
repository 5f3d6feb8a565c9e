# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Find the reports of bugs in a kernel's console, by the list console-rules."""

import re
from dataclasses import dataclass, field
from pathlib import Path

RULES = Path(__file__).with_name("console-rules")


@dataclass
class Line:
    """A line of the console that is a report."""
    number: int
    text: str
    after: list[str]        # the lines that follow it, up to the next report
    known: str = ""         # why it is not counted

    def __str__(self) -> str:
        return f"{self.number}: {self.text.strip()}"


@dataclass
class Rules:
    bad: list[re.Pattern] = field(default_factory=list)
    fine: list[re.Pattern] = field(default_factory=list)
    known: list[tuple[str, re.Pattern, str]] = field(default_factory=list)

    def is_report(self, text: str) -> bool:
        return any(p.search(text) for p in self.bad) and not any(p.search(text) for p in self.fine)

    def why_known(self, text: str, suite: str) -> str:
        return next((why for name, p, why in self.known if name == suite and p.search(text)), "")


def load_rules(path: Path = RULES) -> Rules:
    rules = Rules()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        kind, _, rest = line.strip().partition(" ")
        if not kind or kind.startswith("#"):
            continue
        if kind == "known":
            suite, pattern, why = rest.split(" ", 2)
            rules.known.append((suite, re.compile(pattern), why))
        elif kind in ("bad", "fine"):
            getattr(rules, kind).append(re.compile(rest))
        else:
            raise ValueError(f"{path}:{number}: neither bad, fine nor known: {line}")
    return rules


def read(path: Path) -> list[str]:
    """The lines of a console; none, which is a failure, if there is no such file."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []


def reports(lines: list[str], suite_at=lambda number: "") -> list[Line]:
    """All reports in a console. suite_at(N) is the suite that ran at line N."""
    rules, found = load_rules(), []
    for number, text in enumerate(lines, 1):
        if rules.is_report(text):
            known = rules.why_known(text, suite_at(number))
            found.append(Line(number, text, [], known))
        elif found and number - found[-1].number <= 5:
            found[-1].after.append(text)
    return found
