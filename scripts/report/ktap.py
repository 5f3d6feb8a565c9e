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

RESULT = re.compile(r"(not )?ok (\d+)\s*(?:- )?(.*?)(?:\s+#\s*(SKIP|XFAIL|TODO)\b:?\s*(.*))?$", re.I)
PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?$")


@dataclass
class Test:
    name: str
    status: str             # ok, fail or skip
    why: str = ""


@dataclass
class Program:
    name: str
    suite: str = ""
    driver: str = ""
    device: str = ""
    lines: list[str] = field(default_factory=list)      # its output
    tests: list[Test] = field(default_factory=list)
    planned: int | None = None
    how: dict[str, str] | None = None                   # how it ended

    @property
    def seconds(self) -> float:
        return float((self.how or {}).get("seconds", 0))

    def count(self, status: str) -> int:
        return sum(t.status == status for t in self.tests)

    def ended_badly(self, skipped: bool) -> str:
        """Why its end is a failure by itself; empty if it is none."""
        how, last = self.how, "; ".join(comments(self.lines)[-3:])
        if how is None:
            return "the guest ended before this program did"
        if how.get("timeout") == "1":
            return f"not done after {self.seconds:.0f} s, stopped"
        if how.get("signal", "0") != "0":
            return f"killed by signal {how['signal']}"
        if self.planned is not None and len(self.tests) < self.planned:
            return f"{len(self.tests)} of {self.planned} tests ran" + (f"; {last}" if last else "")
        if how.get("status", "0") not in ("0", "4") and not self.count("fail"):
            return f"exit status {how['status']}: {last}"
        return "" if self.tests or skipped else "no test ran"


@dataclass
class Guest:
    kernel: str = ""
    off: bool = False       # it came to the end of its plan
    programs: list[Program] = field(default_factory=list)
    binds: list[Test] = field(default_factory=list)     # modules and devices, and how it went


def pairs(words: str) -> dict[str, str]:
    """KEY VALUE KEY VALUE, with - for no value."""
    parts = words.split()
    return {k: "" if v == "-" else v for k, v in zip(parts[::2], parts[1::2])}


def comments(lines: list[str]) -> list[str]:
    """What a program says for people: no results, no marks of the harness."""
    words = [line.lstrip("# ").strip() for line in lines if line.startswith("#")]
    return [w for w in words if w and not w.startswith(("RUN", "OK", "FAIL", "Starting", "PASSED", "Totals"))]


def result(line: str, said: list[str]) -> Test | None:
    """The result in a line; said: the lines since the one before it."""
    m = RESULT.match(line)
    if not m:
        return None
    why, directive = (m[5] or "").strip(), (m[4] or "").upper()
    words = comments(said)
    if m[1] and directive != "XFAIL":
        return Test(m[3] or f"test {m[2]}", "fail", "; ".join(words[-6:]) or why)
    if directive in ("SKIP", "XFAIL"):
        if not why:
            why = next((w[4:].strip() for w in reversed(words) if w.startswith("SKIP")), "")
        return Test(m[3] or f"test {m[2]}", "skip", why)
    return Test(m[3] or f"test {m[2]}", "ok")


class Reader:
    """results.ktap, line by line."""

    def __init__(self) -> None:
        self.guest = Guest()
        self.program: Program | None = None
        self.said: list[str] = []       # since the last result of the program
        self.why = self.skip = ""
        self.how: dict[str, str] | None = None

    def nested(self, line: str) -> None:
        if line.startswith("# Subtest: "):
            self.program = Program(line.removeprefix("# Subtest: "))
            self.guest.programs.append(self.program)
            self.said, self.how, self.skip = [], None, ""
            return
        program = self.program
        if not program or line.startswith(("KTAP version", "TAP version")):
            return
        if line.startswith("# kit: suite "):
            words = pairs(line.removeprefix("# kit: "))
            program.suite, program.driver, program.device = (
                words.get(k, "") for k in ("suite", "driver", "device"))
            return
        program.lines.append(line)
        plan = PLAN.match(line)
        test = result(line, self.said)
        if plan:
            program.planned, self.skip = int(plan[1]), plan[2] or ""
        elif test:
            program.tests.append(test)
            self.said = []
        else:
            self.said.append(line)

    def outer(self, line: str) -> None:
        if line.startswith("# kit: why "):
            self.why = line.removeprefix("# kit: why ")
        elif line.startswith("# kit: guest "):
            words = line.removeprefix("# kit: guest ").split(" ", 1)
            self.guest.off |= words[0] == "off"
            self.guest.kernel = pairs(words[1] if len(words) > 1 else "").get("kernel") or self.guest.kernel
        elif line.startswith("# kit: seconds "):
            self.how = pairs(line.removeprefix("# kit: "))
        elif test := result(line, []):
            self.parent(test)

    def parent(self, test: Test) -> None:
        """The result of a program as a whole, or of a device that was bound."""
        program, self.program = self.program, None
        if not program:
            self.guest.binds.append(Test(test.name, test.status, test.why or self.why))
            self.why = ""
            return
        program.how = self.how
        if test.status == "skip" and not program.tests:
            why = self.skip or test.why or "; ".join(comments(program.lines)[-2:])
            program.tests.append(Test("all", "skip", why))
        self.end(program)
        if test.status == "fail" and not program.count("fail"):
            program.tests.append(Test(test.name, "fail", "; ".join(comments(program.lines)[-3:])))

    def end(self, program: Program) -> None:
        bad = program.ended_badly(any(t.status == "skip" for t in program.tests))
        if bad:
            program.tests.append(Test("the program comes to its end", "fail", bad))


def read(path: Path) -> Guest:
    """What a guest did; the one that is not there did nothing."""
    reader = Reader()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return reader.guest
    for line in text.splitlines():
        if line.startswith("  "):
            reader.nested(line[2:])
        else:
            reader.outer(line)
    if reader.program:      # the file ends in the middle of it
        reader.end(reader.program)
    return reader.guest
