# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Try in the guest what all KUnit suites have let pass: verify and the quick selftests."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import judge
from kernel import TREE_MAKE, Kernel, NotBuilt
from results import Equivalent, Result, is_open

NAME = "guest"
KIT = Path(__file__).resolve().parents[2]
# What is run, in this order, and where it leaves its results.
PROGRAMS = (("verify", "verify/results.xml"), ("run-selftests", "selftests/report.xml"))
# They have limits of their own; this one is for what those do not see.
SECONDS = 7200


class Guest(Kernel):
    """A guest's kernel with a build folder of its own: whatever becomes of a run, nobody
    else boots a kernel with a fault in it."""

    def __init__(self, base: str, home: Path, lock: str):
        home.mkdir(parents=True, exist_ok=True)
        self.build, self.base = home / "build", base
        self.environment = {k: v for k, v in os.environ.items() if k not in TREE_MAKE}
        self.environment |= {"KIT_BUILD": str(home), "BASE": base, "VARIANT": "", "DEVICE": "", "PARTS": ""}
        done = subprocess.run([KIT / "guest/build-kernel", base], env=self.environment, check=True,
                              stdout=subprocess.PIPE, encoding="utf-8", timeout=SECONDS)
        folder = Path(done.stdout.splitlines()[-1]).resolve()
        super().__init__(NAME, home, self.build / f"linux-{base}", lock, folder)

    def link(self) -> None:
        """All that depends on the object: the kernel, or a module."""
        self.kernel_make("LOCALVERSION=", "bzImage", "modules")

    def notices(self) -> str:
        """What is seen twice. On a busy machine a test can fail by itself, once."""
        for program, results in PROGRAMS:
            how = self.test(program, results)
            if how and self.test(program, results):
                return f"{program}: {how}"
        return ""

    def test(self, program: str, results: str) -> str:
        """What one program finds in the kernel as it is built now, or nothing."""
        report = self.build / results
        shutil.rmtree(report.parent, ignore_errors=True)
        log = self.out / f"{program}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen([KIT / "scripts" / program], env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        judge.running.add(process)
        status = process.wait(SECONDS)
        judge.running.discard(process)
        if not status:
            return ""
        if not list(self.build.glob(f"{program.removeprefix('run-')}*/**/console.log")):
            raise RuntimeError(f"{program} has booted no guest (log: {log})")
        return first_failure(report) or f"status {status}"


def first_failure(report: Path) -> str:
    """Of a JUnit file, in a few words."""
    if not report.exists():
        return ""
    for case in ElementTree.parse(report).iter("testcase"):
        if (failure := case.find("failure")) is not None:
            return f"{case.get('classname')}: {case.get('name')}: {failure.get('message') or ''}"
    return ""


class GuestMachine:
    """What a Machine of trial.py is, for the guest."""

    arch = NAME

    def __init__(self, kernel: Guest, known: dict[str, Result], explained: list[Equivalent]):
        self.kernel, self.explained = kernel, explained
        self.objects = {digest: r.id for r in known.values()
                        if r.verdict in ("found", "survived") and (digest := r.objects.get(NAME))}

    def takes(self, result: Result | None) -> bool:
        """Minutes for each: only what survives, and is not known to do the same."""
        return is_open(result, self.explained)

    def notices(self) -> str:
        self.kernel.link()
        return self.kernel.notices()


def machine(base: str, home: Path, lock: str, known: dict[str, Result],
            explained: list[Equivalent]) -> GuestMachine:
    """Build the good kernel as the faulty ones are, and see that nothing fails on it."""
    try:
        kernel = Guest(base, home, lock)
        kernel.forget_fault()
        kernel.link()
    except (subprocess.CalledProcessError, NotBuilt) as why:
        raise RuntimeError(f"the guest's kernel: {why}") from why
    how = kernel.notices()
    if how:
        raise RuntimeError(f"the guest's tests fail with nothing wrong: {how} (logs: {home})")
    print("the good kernel, guest: verify and the selftests pass", file=sys.stderr, flush=True)
    return GuestMachine(kernel, known, explained)
