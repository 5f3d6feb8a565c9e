# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Tables and text for a terminal: colour, width, columns."""

import os
import re
import sys
import textwrap
from pathlib import Path

WIDTH = 80
COLOURS = {"ok": "32", "FAIL": "1;31", "skip": "33", "-": "2", "bold": "1"}


def read_rows(path: Path) -> list[list[str]]:
    """The rows of a file of the kit, whose columns are two blanks or more apart."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [re.split(" {2,}", line.strip()) for line in lines if line and not line.startswith("#")]


def use_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, kind: str | None = None) -> str:
    """Text in the colour of a verdict: FAIL if it says so, or its first word."""
    words = text.split()
    code = COLOURS.get(kind or ("FAIL" if "FAIL" in words else words[0] if words else ""))
    return f"\033[{code}m{text}\033[0m" if code and use_colour() else text


def columns(rows: list[list[str]], right: set[int] = frozenset(), indent: str = "") -> list[str]:
    """Rows of equal length as lines; right: the columns that are figures."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [str(c).rjust(w) if i in right else str(c).ljust(w)
                 for i, (c, w) in enumerate(zip(row, widths))]
        lines.append((indent + "  ".join(paint(c) for c in cells)).rstrip())
    return lines


def wrap(text: str, first: str, rest: str | None = None, width: int = WIDTH) -> list[str]:
    """Text as lines of at most that width, the first and the others indented."""
    rest = " " * len(first) if rest is None else rest
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest,
                         break_long_words=False, break_on_hyphens=False) or [first]


def die(text: str):
    raise SystemExit(f"report: error: {text}")


def counts(passed: int, failed: int, skipped: int) -> str:
    """The last line of each command that counts."""
    return f"{passed} passed, {failed} failed, {skipped} skipped"
