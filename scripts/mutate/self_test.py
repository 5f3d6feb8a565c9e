# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Test the mutator on a small file, whose faults are all listed, the score, which mutants
a slow kernel is for, and that nothing is left of a run that was ended."""

import difflib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import guest
import results
import scope
import syntax
from trial import Machine

TESTS = Path(__file__).parent / "tests"
# A run with one guest, which does not end by itself.
RUN = """
import signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import judge
signal.signal(signal.SIGTERM, judge.end_with)
guest = ["sh", "-c", sys.argv[3] + "echo $$; while :; do sleep 0.1; done"]
worker = threading.Thread(target=lambda: print(judge.run(guest, Path(sys.argv[2]), 60)))
worker.start()
worker.join()
"""
WAIT_SECONDS = 60
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


def result(verdict: str, diff: str = "", by: str = "uml") -> results.Result:
    return results.Result("", verdict, by, "", "a.c", "f", 1, "kind", diff, "", 0)


def equivalent() -> list[results.Equivalent]:
    return [results.Equivalent("a.c", "f", ["-x = 1;", "+;"], "nobody reads x")]


def numbers() -> list[str]:
    """What is wrong with the figures of a made-up run."""
    known = equivalent()
    done = ([result("found")] * 8 + [result("survived", "-\ty = 1;\n+\t;")] * 2 +
            [result("survived", "-\tx  =  1;\n+\t;"), result("same"), result("twin"), result("unbuilt")])
    kunit, rest = "8 of 10 found: 80.0 % (95 % interval 49.0 to 94.3)", "1 equivalent, 3 no mutants"
    both = "with the guest's tests 9 of 10 found: 90.0 % (95 % interval 59.6 to 98.2)"
    wrong = differs(results.score(done, known), f"{kunit}; {rest}")
    done[8] = result("found", by=guest.NAME)
    return wrong + differs(results.score(done, known), f"{kunit}; {both}; {rest}")


def differs(score: results.Score, expected: str) -> list[str]:
    return [] if str(score) == expected else [f"the score is: {score}", f"expected:     {expected}"]


def slow_kernels() -> list[str]:
    """What a kernel takes that is not for it."""
    cases = ((True, result("survived", "-\ty = 1;\n+\t;"), True),
             (True, result("survived", "-\tx = 1;\n+\t;"), False),
             (True, result("same"), False), (True, None, False),
             (False, None, True), (False, result("same"), True))
    wrong = []
    for debug, mutant, right in cases:
        machine = Machine(SimpleNamespace(debug=debug), None, explained=equivalent())
        if machine.takes(mutant) != right:
            wrong.append(f"a kernel {'with' if debug else 'without'} --debug takes: {mutant}")
    return wrong


def ended(first: str) -> list[str]:
    """What is wrong when a run is told to end: its guest ends, and nothing is learnt of it."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        run = subprocess.Popen([sys.executable, "-c", RUN, Path(__file__).parent, log, first],
                               stdout=subprocess.PIPE, encoding="utf-8")
        limit = time.monotonic() + WAIT_SECONDS
        while not (log.exists() and log.read_text(encoding="utf-8")) and time.monotonic() < limit:
            time.sleep(0.1)
        number = int(log.read_text(encoding="utf-8"))
        run.send_signal(signal.SIGTERM)
        says, _ = run.communicate(timeout=WAIT_SECONDS)
        wrong = [f"an ended run has found: {says}"] if says else []
        if run.returncode != 128 + signal.SIGTERM:
            wrong.append(f"an ended run has the status {run.returncode}")
        if not gone(number):
            os.killpg(number, signal.SIGKILL)
            wrong.append("the guest of an ended run goes on")
        return wrong


def gone(group: int) -> bool:
    """Whether the processes of a group end within a few seconds, by themselves."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def run() -> int:
    text = scope.read(TESTS / "sample.c")
    every = frozenset(range(FIRST, text.count("\n") + 1))
    source = scope.Source("sample.c", "series", text, every)
    lines = (TESTS / "expected").read_text(encoding="utf-8").splitlines()
    expected = [line for line in lines if not line.startswith("#")]
    wrong = list(difflib.unified_diff(expected, listed(source), "expected", "found", n=0, lineterm=""))
    wrong += numbers() + slow_kernels() + ended("") + ended("trap '' TERM; ")
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    print(f"{int(not wrong)} passed, {int(bool(wrong))} failed, 0 skipped")
    return 1 if wrong else 0
