# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Try mutants: on the kernel of one architecture, then, if it survives, on the next."""

import hashlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import judge
from kernel import Kernel, NotBuilt
from results import Result, diff_of, save
from scope import Source
from syntax import Mutant


@dataclass
class Machine:
    """A kernel, what it does when it is right, and the objects it was tried with."""
    kernel: Kernel
    right: judge.Right
    objects: dict[str, str] = field(default_factory=dict)   # digest: the mutant that has it

    @property
    def arch(self) -> str:
        return self.kernel.arch


@dataclass
class Trial:
    """Everything that the mutants of a run share."""
    log: Path
    tests: str
    sources: dict[str, Source]
    known: dict[str, Result]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, mutant: Mutant, machines: list[Machine]) -> list[Machine]:
        """The machines that have yet to try it. A survivor is tried again when the
        tests have changed."""
        able = [m for m in machines if m.kernel.compiles(mutant.path)]
        result = self.known.get(mutant.id)
        if not result:
            return able
        if result.verdict != "survived":
            return []
        done = result.by.split() if result.tests == self.tests else []
        return [m for m in able if m.arch not in done]

    def run(self, mutant: Mutant, machines: list[Machine]) -> Result:
        """Try it on each until one notices."""
        before = self.known.get(mutant.id)
        source = self.sources[mutant.path]
        text = mutant.of(source.text)
        begin = time.monotonic()
        verdict, how, tried, objects = "unbuilt", "", [], {}
        if before and before.verdict == "survived" and before.tests == self.tests:
            verdict, tried, objects = "survived", before.by.split(), dict(before.objects)
        for machine in machines:
            outcome, words = self.on(machine, mutant, source.text, text, objects)
            if outcome in ("found", "survived"):
                tried.append(machine.arch)
            if rank(outcome) >= rank(verdict):
                verdict, how = outcome, words
            if verdict == "found":
                tried = [machine.arch]
                break
        result = Result(mutant.id, verdict, " ".join(tried), how, mutant.path, mutant.function,
                        mutant.line, mutant.kind, diff_of(source.text, text), self.tests,
                        round(time.monotonic() - begin, 1), objects)
        with self.lock:
            self.known[mutant.id] = result
            save(self.log, result)
        return result

    def on(self, machine: Machine, mutant: Mutant, good: str, text: str,
           objects: dict[str, str]) -> tuple[str, str]:
        kernel = machine.kernel
        expected = kernel.good_object(mutant.path, good)
        kernel.begin(mutant.path)
        try:
            made = kernel.compile(mutant.path, text)
            if made == expected:
                return "same", "the object is that of the good kernel"
            objects[machine.arch] = f"{mutant.path} {hashlib.sha256(made).hexdigest()[:16]}"
            twin = self.twin(machine, mutant.id, objects[machine.arch])
            if twin:
                return "same", f"the object is that of the mutant {twin}"
            kernel.link()
            how = judge.judge(kernel.guest, kernel.out / "mutant.log", machine.right,
                              kernel.guest_lock)
        except NotBuilt as why:
            return "unbuilt", str(why)
        finally:
            kernel.restore(mutant.path)
        return ("found", how) if how else ("survived", "")

    def twin(self, machine: Machine, name: str, digest: str) -> str:
        """The mutant, if there is one, that has the same object."""
        with self.lock:
            other = machine.objects.setdefault(digest, name)
        return "" if other == name else other


def rank(verdict: str) -> int:
    return ("unbuilt", "same", "survived", "found").index(verdict)
