# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Test the mutator on a small file, whose faults are all listed, and the score."""

import difflib
import sys
from pathlib import Path

import guest
import results
import scope
import syntax

TESTS = Path(__file__).parent / "tests"
FIRST = 20      # of the lines that count as added


def listed(source: scope.Source) -> list[str]:
    """Each fault on one line: where, which kind, and what becomes of it."""
    found = []
    for mutant in syntax.mutants(source, str(TESTS / "sample.c"), ["cc"], str(TESTS)):
        text = mutant.of(source.text)
        if text.count("\n") != source.text.count("\n"):
            found.append(f"{mutant.line}: {mutant.kind} changes the number of lines")
        old = " ".join(source.text[mutant.start:mutant.end].split())
        new = " ".join(mutant.new.split())
        found.append(f"{mutant.line}: {mutant.kind}: {old} -> {new}".rstrip())
    return found


def numbers() -> list[str]:
    """What is wrong with the figures of a made-up run."""
    def result(verdict: str, diff: str = "", by: str = "uml") -> results.Result:
        return results.Result("", verdict, by, "", "a.c", "f", 1, "kind", diff, "", 0)

    known = [results.Equivalent("a.c", "f", ["-x = 1;", "+;"], "nobody reads x")]
    done = ([result("found")] * 8 + [result("survived", "-\ty = 1;\n+\t;")] * 2 +
            [result("survived", "-\tx  =  1;\n+\t;"), result("same"), result("twin"), result("unbuilt")])
    kunit, rest = "8 of 10 found: 80.0 % (95 % interval 49.0 to 94.3)", "1 equivalent, 3 no mutants"
    both = "with the guest's tests 9 of 10 found: 90.0 % (95 % interval 59.6 to 98.2)"
    wrong = differs(results.score(done, known), f"{kunit}; {rest}")
    done[8] = result("found", by=guest.NAME)
    return wrong + differs(results.score(done, known), f"{kunit}; {both}; {rest}")


def differs(score: results.Score, expected: str) -> list[str]:
    return [] if str(score) == expected else [f"the score is: {score}", f"expected:     {expected}"]


def run() -> int:
    text = scope.read(TESTS / "sample.c")
    every = frozenset(range(FIRST, text.count("\n") + 1))
    source = scope.Source("sample.c", "series", text, every)
    lines = (TESTS / "expected").read_text(encoding="utf-8").splitlines()
    expected = [line for line in lines if not line.startswith("#")]
    wrong = list(difflib.unified_diff(expected, listed(source), "expected", "found", n=0, lineterm=""))
    wrong += numbers()
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    print(f"{int(not wrong)} passed, {int(bool(wrong))} failed, 0 skipped")
    return 1 if wrong else 0
