# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Find the files that are mutated, and the lines of them that are the kit's."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

KIT = "drivers/vfio/pci/variant-kit"
GROUPS = ("series", "variants", "fixture")
FILE = re.compile(r"^\+\+\+ b/(\S+)$")
HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True)
class Source:
    """A file of the grafted tree."""
    path: str                   # as the kernel's build names it
    group: str                  # one of GROUPS
    text: str                   # a character for each byte, as libclang counts
    lines: frozenset[int]       # those that the series adds; of the kit's files, all


def read(path: Path) -> str:
    return path.read_text(encoding="latin-1")


def added_lines(diff: str) -> dict[str, set[int]]:
    """The lines that a diff without context adds, by file."""
    found: dict[str, set[int]] = {}
    path = ""
    for line in diff.splitlines():
        if match := FILE.match(line):
            path = match[1]
        elif match := HUNK.match(line):
            first, count = int(match[1]), int(match[2] or 1)
            found.setdefault(path, set()).update(range(first, first + count))
    return found


def series(tree: Path) -> list[Source]:
    diff = subprocess.run(
        ["git", "-C", tree, "diff", "--no-ext-diff", "-U0", "refs/tags/base", "--",
         "*.c", ":!tools", f":!{KIT}"], check=True, capture_output=True, encoding="latin-1").stdout
    return [Source(path, "series", read(tree / path), frozenset(lines))
            for path, lines in sorted(added_lines(diff).items()) if lines]


def kit(tree: Path, group: str, pattern: str, leave_out: re.Pattern) -> list[Source]:
    found = []
    for path in sorted((tree / KIT).glob(pattern)):
        if not leave_out.search(path.name):
            text = read(path)
            every = frozenset(range(1, text.count("\n") + 1))
            found.append(Source(str(path.relative_to(tree)), group, text, every))
    return found


def sources(tree: Path, groups: list[str]) -> list[Source]:
    """All files of these groups."""
    found = []
    if "series" in groups:
        found += series(tree)
    if "variants" in groups:
        found += kit(tree, "variants", "variants/*/*.c", re.compile(r"_kunit\.c$"))
    if "fixture" in groups:
        found += kit(tree, "fixture", "kunit/*.c", re.compile(r"_(test|none)\.c$"))
    return found
