#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Say which rules of the contract the KUnit cases that failed stand for.

usage: rules.py KTAP FOLDER...
       rules.py --rule RULE --right KTAP KTAP FOLDER...

KTAP is the console of a KUnit run; the C files in the folders have the cases. The
comment above a case begins with its rules ("V2, C4: the driver has ..."). Prints
a line for each case that failed: its rules, its name, and the comment.

With --right, the console of a run in which all was right, and the RULE that was
broken since: one line on what tells the two runs apart, the cases for that rule
first. Nothing if they are the same.

Exit status: 0.
"""

import argparse
import pathlib
import re
import sys
from collections import Counter

RESULT = re.compile(r"^ *(not )?ok \d+ (\S+)(.*# SKIP)?", re.M)
FAILED = re.compile(r"^ {4}not ok \d+ (\w+)", re.M)
CASE = re.compile(r"/\*((?:[^*]|\*(?!/))*)\*/\s*(?:static )?void (\w+)\(struct kunit \*")
RULES = re.compile(r"([CV]\d+(?:, [CV]\d+)*): ")


def read(path):
    """A console: not all of its bytes need be text."""
    return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")


def cases(folders):
    """The comment of each case: {name: text on one line}."""
    found = {}
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*.c")):
            for comment, name in CASE.findall(read(path)):
                lines = (line.strip(" *\t") for line in comment.splitlines())
                found.setdefault(name, " ".join(filter(None, lines)))
    return found


def broken(log, folders):
    """(rules, case, text) for each case that failed, in the order of the log."""
    comments = cases(folders)
    for name in dict.fromkeys(FAILED.findall(log)):
        text = comments.get(name, "")
        match = RULES.match(text)
        yield (match[1] if match else "-", name, text[match.end():] if match else text)


def difference(log, right, rule, folders):
    """What tells the run from the right one, in a few words."""
    failed = sorted(broken(log, folders), key=lambda case: rule not in case[0].split(", "))
    if failed:
        words = ", ".join(name for _, name, _ in failed[:3])
        if len(failed) > 3:
            words += f" and {len(failed) - 3} more"
        return words if rule in failed[0][0].split(", ") else f"{words} (not one for {rule})"
    results, expected = (Counter(m.groups() for m in RESULT.finditer(text)) for text in (log, right))
    for (bad, name, skipped), _ in (results - expected).items():
        return f"{name} {'fails' if bad else 'is skipped' if skipped else 'passes'}"
    for _, name, _ in expected - results:
        return f"{name} is missing"
    return ""


def main():
    """Print what failed, or what differs."""
    if "--help" in sys.argv:
        print(__doc__.strip())
        return
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--rule")
    parser.add_argument("--right")
    parser.add_argument("ktap")
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    if args.right:
        print(difference(read(args.ktap), read(args.right), args.rule, args.folders))
        return
    for rules, name, text in broken(read(args.ktap), args.folders):
        print(f"  {rules:8} {name}: {text}")


if __name__ == "__main__":
    main()
