# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Say which rules of the contract the KUnit cases that failed stand for.

The comment above a case begins with its rules ("V2, C4: the driver has ..."). A
message of an expectation that begins so is about this driver, and comes first. A
case that stands for no rule comes last. One that an expectation has failed in counts
even if the kernel died before the case had a result."""

import re
from collections import Counter
from pathlib import Path

RESULT = re.compile(r"^ *(not )?ok \d+ (\S+)(.*# SKIP)?", re.M)
FAILED = re.compile(r"^ {4}not ok \d+ (\w+)", re.M)
UNMET = re.compile(r"^ *# (\w+): (?:EXPECTATION|ASSERTION) FAILED", re.M)
CASE = re.compile(r"/\*((?:[^*]|\*(?!/))*)\*/\s*(?:static )?void (\w+)\(struct kunit \*")
RULES = re.compile(r"([CV]\d+(?:, [CV]\d+)*): ")
MESSAGE = re.compile(r"^ *(?:# +)?([CV]\d+(?:, [CV]\d+)*): (.+)$", re.M)


def read(path: Path) -> str:
    """A console: not all of its bytes need be text."""
    return path.read_text(encoding="utf-8", errors="replace")


def cases(folders: list[Path]) -> dict[str, str]:
    """The comment of each case: {name: text on one line}."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.c")):
            for comment, name in CASE.findall(read(path)):
                lines = (line.strip(" *\t") for line in comment.splitlines())
                found.setdefault(name, " ".join(filter(None, lines)))
    return found


def broken(log: str, folders: list[Path]):
    """(rules, case, text) for each case that failed, in the order of the log."""
    comments = cases(folders)
    ended = {name for _, name, _ in RESULT.findall(log)}
    died = (name for name in UNMET.findall(log) if name not in ended)
    for name in dict.fromkeys((*FAILED.findall(log), *died)):
        text = comments.get(name, "")
        match = RULES.match(text)
        yield (match[1] if match else "-", name, text[match.end():] if match else text)


def told(log: str) -> dict[str, re.Match]:
    """The message about a rule, of each case that failed and has one."""
    found, start = {}, 0
    for result in FAILED.finditer(log):
        block = log[start:result.start()]
        start = result.end()
        # Behind the result of the case before.
        passed = [m.end() for m in RESULT.finditer(block)]
        message = MESSAGE.search(block, passed[-1] if passed else 0)
        if message:
            found[result[1]] = message
    return found


def difference(log: str, right: str, rule: str, folders: list[Path]) -> str:
    """What tells the run from the right one, in a few words: the cases for the rule that
    was broken first. Nothing if they are the same."""
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


def run(args) -> int:
    """A line for each case that failed; with --right, one on what differs."""
    log = read(args.ktap)
    if args.right:
        print(difference(log, read(args.right), args.rule, args.folders))
        return 0
    messages = told(log)
    failed = sorted(broken(log, args.folders), key=lambda case: (case[1] not in messages, case[0] == "-"))
    for rules, name, text in failed:
        if name in messages:
            rules, text = messages[name].groups()
        print(f"  {rules:8} {name}: {text}")
    return 0
