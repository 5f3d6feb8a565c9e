# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Read results.ktap: what the test programs in a guest said.

A program is a subtest, named "suite driver device". Lines "# kit: KEY VALUE..."
say what KTAP cannot: who ran, and how it ended. kunit.py parse reads the same
file, but it gives neither the reasons of skips nor these lines, which the table
and the comparison of two kernels need."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from junit import Case

RESULT = re.compile(r"(not )?ok (\d+)\s*(?:- )?(.*?)(?:\s+#\s*(SKIP|XFAIL|TODO)\b:?\s*(.*))?$", re.I)
SUBTEST = "# Subtest: "
PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?$")


@dataclass
class Program:
    name: str
    suite: str = ""
    driver: str = ""
    lines: list[str] = field(default_factory=list)      # its output
    cases: list[Case] = field(default_factory=list)
    planned: int | None = None
    how: dict[str, str] | None = None                   # how it ended

    @property
    def seconds(self) -> float:
        return float((self.how or {}).get("seconds", 0))

    def count(self, status: str) -> int:
        return sum(t.status == status for t in self.cases)

    def ended_badly(self) -> str:
        """Why its end is a failure by itself; empty if it is none."""
        how, last = self.how, "; ".join(comments(self.lines)[-3:])
        if how is None:
            return "the guest ended before this program did"
        if how.get("timeout") == "1":
            return f"not done after {self.seconds:.0f} s, stopped"
        if how.get("signal", "0") != "0":
            return f"killed by signal {how['signal']}"
        if self.planned is not None and len(self.cases) < self.planned:
            return f"{len(self.cases)} of {self.planned} tests ran" + (f"; {last}" if last else "")
        if how.get("status", "0") not in ("0", "4") and not self.count("fail"):
            return f"exit status {how['status']}: {last}"
        return "" if self.cases else "no test ran"


@dataclass
class Guest:
    off: bool = False       # it came to the end of its plan
    programs: list[Program] = field(default_factory=list)
    binds: list[Case] = field(default_factory=list)     # modules and devices, and how it went


def pairs(words: str) -> dict[str, str]:
    """KEY VALUE KEY VALUE, with - for no value."""
    parts = words.split()
    return {k: "" if v == "-" else v for k, v in zip(parts[::2], parts[1::2])}


def comments(lines: list[str]) -> list[str]:
    """What a program says for people: no results, no marks of the harness."""
    words = [line.lstrip("# ").strip() for line in lines if line.startswith("#")]
    return [w for w in words if w and not w.startswith(("RUN", "OK", "FAIL", "Starting", "PASSED", "Totals"))]


def result(line: str, said: list[str]) -> Case | None:
    """The result in a line; said: the lines since the one before it."""
    m = RESULT.match(line)
    if not m:
        return None
    why, directive = (m[5] or "").strip(), (m[4] or "").upper()
    words = comments(said)
    if m[1] and directive != "XFAIL":
        return Case(m[3] or f"test {m[2]}", "fail", "; ".join(words[-6:]) or why)
    if directive in ("SKIP", "XFAIL"):
        if not why:
            why = next((w[4:].strip() for w in reversed(words) if w.startswith("SKIP")), "")
        return Case(m[3] or f"test {m[2]}", "skip", why)
    return Case(m[3] or f"test {m[2]}", "ok")


def program(lines: list[str], how: dict[str, str] | None, end: Case | None) -> Program:
    """A program of its lines, how it ended, and the result of it as a whole; None if the
    file ends before."""
    out, said, skip = Program(lines[0].removeprefix(SUBTEST), how=how), [], ""
    for line in lines[1:]:
        if line.startswith(("KTAP version", "TAP version")):
            continue
        if line.startswith("# kit: suite "):
            words = pairs(line.removeprefix("# kit: "))
            out.suite, out.driver = words.get("suite", ""), words.get("driver", "")
            continue
        out.lines.append(line)
        if plan := PLAN.match(line):
            out.planned, skip = int(plan[1]), plan[2] or ""
        elif test := result(line, said):
            out.cases.append(test)
            said = []
        else:
            said.append(line)
    words = comments(out.lines)
    if end and end.status == "skip" and not out.cases:
        out.cases.append(Case("all", "skip", skip or end.why or "; ".join(words[-2:])))
    if bad := out.ended_badly():
        out.cases.append(Case("the program comes to its end", "fail", bad))
    if end and end.status == "fail" and not out.count("fail"):
        out.cases.append(Case(end.name, "fail", "; ".join(words[-3:])))
    for case in out.cases:
        case.output = "\n".join(out.lines[-40:]) if case.status == "fail" else ""
    return out


def read(path: Path) -> Guest:
    """What a guest did; the one that is not there did nothing."""
    guest, block, why, how = Guest(), [], "", None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return guest
    for line in text.splitlines():
        if line.startswith(f"  {SUBTEST}"):
            if block:
                guest.programs.append(program(block, None, None))
            block = [line.strip()]
        elif line.startswith("  "):
            block += [line[2:]] if block else []
        elif line.startswith("# kit: why "):
            why = line.removeprefix("# kit: why ")
        elif line.startswith("# kit: guest "):
            guest.off |= line.startswith("# kit: guest off")
        elif line.startswith("# kit: seconds "):
            how = pairs(line.removeprefix("# kit: "))
        elif test := result(line, []):
            if block:
                guest.programs.append(program(block, how, test))
            else:           # a device that was bound
                guest.binds.append(Case(test.name, test.status, test.why or why))
            block, why, how = [], "", None
    if block:               # the file ends in the middle of it
        guest.programs.append(program(block, None, None))
    return guest
