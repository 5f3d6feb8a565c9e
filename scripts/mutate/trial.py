# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Try mutants: on the kernel of one architecture, then, if it survives, on the next."""

import hashlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import guest
import judge
from kernel import Kernel, NotBuilt
from results import Equivalent, Result, diff_of, is_open, save
from scope import Source
from syntax import Mutant

# What one machine says of a mutant outweighs what another says, in this order.
RANK = ("unbuilt", "same", "survived", "found", "twin")


@dataclass
class Machine:
    """A kernel, what it does when it is right, and the objects it was tried with."""
    kernel: Kernel
    right: judge.Right
    rest: judge.Right | None = None     # without the cases that the kernels before have run
    objects: dict[str, str] = field(default_factory=dict)   # digest: the mutant that has it
    explained: list[Equivalent] = field(default_factory=list)

    @property
    def arch(self) -> str:
        return self.kernel.arch

    def takes(self, result: Result | None) -> bool:
        """Whether it is for this mutant at all. A kernel with lockdep and KASAN is slow, and
        its objects differ where those of the others do not: it is for what survives."""
        return not self.kernel.debug or is_open(result, self.explained)

    def notices(self) -> str:
        """What the suites find in the kernel as it is built now, or nothing. First those
        cases that only this kernel can run; then the others too, which may say less on
        the kernels before: UML has no huge mappings, and its cases pass without."""
        how = self.run("rest", self.rest) if self.rest else ""
        return how or self.run("", self.right)

    def run(self, selection: str, right: judge.Right) -> str:
        self.kernel.select(selection)
        self.kernel.link()
        if self.kernel.linked() == right.kernel:
            raise RuntimeError(f"{self.arch}: the mutant's object is not in the kernel")
        return judge.judge(self.kernel.guest, self.kernel.out / "mutant.log", right,
                           self.kernel.guest_lock)


AnyMachine = Machine | guest.GuestMachine


@dataclass
class Trial:
    """Everything that the mutants of a run share."""
    log: Path
    tests: str
    sources: dict[str, Source]
    known: dict[str, Result]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, mutant: Mutant, machines: list[AnyMachine]) -> list[Machine]:
        """The machines that have yet to try it. A survivor is tried again when the
        tests have changed."""
        result = self.known.get(mutant.id)
        able = [m for m in machines if m.kernel.compiles(mutant.path) and m.takes(result)]
        if not result:
            return able
        if result.verdict == "found" and result.by == guest.NAME and result.tests != self.tests:
            # KUnit has new cases, and may do without the guest now.
            return able
        if result.verdict in ("found", "twin"):
            return []
        again = result.by.split() if result.tests != self.tests else []
        return [m for m in able if m.arch in again or m.arch not in result.objects]

    def run(self, mutant: Mutant, machines: list[AnyMachine]) -> Result:
        """Try it on each until one notices."""
        before = self.known.get(mutant.id)
        source = self.sources[mutant.path]
        text = mutant.of(source.text)
        begin = time.monotonic()
        result = Result(mutant.id, "unbuilt", "", "", mutant.path, mutant.function, mutant.line,
                        mutant.kind, diff_of(source.text, text), self.tests, 0)
        if before and (before.tests == self.tests or before.verdict != "survived"):
            result.verdict, result.by, result.objects = before.verdict, before.by, before.objects
        for machine in machines:
            verdict, how, result.objects[machine.arch] = self.on(
                machine, mutant, source.text, text)
            if verdict == "survived" and result.verdict != "found":
                result.by = f"{result.by} {machine.arch}".strip()
            if verdict in ("found", "twin"):
                result.by = machine.arch
            if RANK.index(verdict) >= RANK.index(result.verdict):
                result.verdict, result.how = verdict, how
            if verdict in ("found", "twin"):
                break
        result.seconds = round(time.monotonic() - begin, 1)
        with self.lock:
            self.known[mutant.id] = result
            save(self.log, result)
        return result

    def on(self, machine: AnyMachine, mutant: Mutant, good: str,
           text: str) -> tuple[str, str, str]:
        """The verdict of one machine, in what words, and the object's digest."""
        kernel = machine.kernel
        expected = kernel.good_object(mutant.path, good)
        kernel.begin(mutant.path)
        digest = ""
        try:
            made = kernel.compile(mutant.path, text)
            if made == expected:
                return "same", "", ""
            digest = f"{mutant.path} {hashlib.sha256(made).hexdigest()[:16]}"
            twin = self.twin(machine, mutant.id, digest)
            if twin:
                return "twin", f"the object is that of the mutant {twin}", digest
            how = machine.notices()
        except NotBuilt as why:
            return "unbuilt", str(why), ""
        finally:
            kernel.restore(mutant.path)
        return "found" if how else "survived", how, digest

    def twin(self, machine: AnyMachine, name: str, digest: str) -> str:
        """The mutant, if there is one, that has the same object."""
        with self.lock:
            other = machine.objects.setdefault(digest, name)
        return "" if other == name else other
