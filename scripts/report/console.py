# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Find the reports of bugs in a kernel's console, by the list console-rules."""

import re
from dataclasses import dataclass
from pathlib import Path

RULES = Path(__file__).with_name("console-rules")
# What follows a report and says nothing of its cause.
NOISE = re.compile(r"Modules linked in:|Tainted: |R?IP: |Code: ")


@dataclass
class Line:
    """A line of the console that is a report."""
    number: int
    text: str
    after: list[str]        # the lines that follow it, up to the next report
    known: str = ""         # why it is not counted
    broken: str = ""        # which rule of the contract
    file: str = ""          # of which console, if there are several

    def __str__(self) -> str:
        return f"{self.file}{self.number}: {self.text.strip()}"


@dataclass
class Rule:
    kind: str               # bad, fine, rule or known
    pattern: re.Pattern
    suite: str = ""         # of what is known: where, and why it is not counted
    why: str = ""
    broken: str = ""        # of a rule: which of the contract


def load_rules() -> list[Rule]:
    rules = []
    for line in RULES.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "known":
            suite, pattern, why = rest.split(" ", 2)
            rules.append(Rule(kind, re.compile(pattern), suite, why))
        elif kind == "rule":
            broken, pattern = rest.split(" ", 1)
            rules.append(Rule(kind, re.compile(pattern), broken=broken))
        elif kind in ("bad", "fine"):
            rules.append(Rule(kind, re.compile(rest)))
        elif kind and not kind.startswith("#"):
            raise ValueError(f"console-rules: neither bad, fine, rule nor known: {line}")
    return rules


def read(path: Path) -> list[str]:
    """The lines of a console; none, which is a failure, if there is no such file."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []


def reports(lines: list[str], suite_at=lambda number: "") -> list[Line]:
    """All reports in a console. suite_at(N) is the suite that ran at line N."""
    rules, found = load_rules(), []
    for number, text in enumerate(lines, 1):
        matching = [rule for rule in rules if rule.pattern.search(text)]
        kinds = {rule.kind for rule in matching}
        if "bad" in kinds and "fine" not in kinds:
            suite = suite_at(number)
            known = next((r.why for r in matching if r.kind == "known" and r.suite == suite), "")
            # WARN() prints its message, if it has one, above this line.
            message = lines[number - 2] if "-[ cut here ]-" in "".join(lines[max(0, number - 3):number - 2]) else ""
            broken = next((r.broken for r in rules if r.broken and r.pattern.search(message + text)), "")
            found.append(Line(number, message or text, [text] if message else [], known, broken))
        elif found and number - found[-1].number <= 5 and not NOISE.search(text):
            found[-1].after.append(text)
    return found
