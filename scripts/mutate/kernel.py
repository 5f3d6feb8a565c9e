# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Build a kernel with one fault in it, from a good one, and run its suites.

The good kernel is one that scripts/run-kunit has built and run. Only the object of
the file is made anew: the compiler reads the faulty text from stdin, under the
name of the file, so that neither the source tree nor any line number changes."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

TREE_MAKE = "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"
SUITE = "drivers/vfio/pci/variant-kit/kunit/suite.c"
# A fault can put the linker or the compiler into a loop, too.
BUILD_SECONDS = 900


class NotBuilt(Exception):
    """The fault is one that the compiler or the linker finds."""


class Kernel:
    """A folder with a good kernel of one architecture."""

    def __init__(self, arch: str, out: Path, tree: Path, lock: str, folder: Path | None = None):
        self.arch, self.out, self.tree, self.lock = arch, out, tree, lock
        self.folder = folder or out / "linux"
        # How scripts/run-kunit has started it.
        self.guest = [] if folder else (out / "guest").read_text(encoding="utf-8").splitlines()
        # One guest of QEMU at a time, where people share a small machine.
        self.guest_lock = f"{lock}.guest.lock" if lock and arch != "uml" else ""
        self.link_environment: dict[str, str] = {}
        self.good: dict[str, bytes] = {}
        self.selections: dict[str, bytes] = {}

    @property
    def debug(self) -> bool:
        """Whether it was built with --debug."""
        return self.arch.endswith("+debug")

    def object_of(self, path: str) -> Path:
        return Path(path).with_suffix(".o")

    def compiles(self, path: str) -> bool:
        return self.command_file(path).exists()

    def command_file(self, path: str) -> Path:
        made = self.object_of(path)
        return self.folder / made.parent / f".{made.name}.cmd"

    def command(self, path: str) -> str:
        """How the build makes the object, without ccache."""
        first = self.command_file(path).read_text(encoding="utf-8").splitlines()[0]
        return first.split(":=", 1)[1].strip().removeprefix("ccache ")

    def words(self, path: str) -> tuple[list[str], str]:
        """The compiler's words, and the name that it has for the file."""
        words = shlex.split(self.command(path).split(" ; ")[0].rstrip("; "))
        return words, words[-1]

    # Building. The good objects are kept as they were before the first fault.

    def compile(self, path: str, text: str, options: str = "") -> bytes:
        """The object of a text in place of the file; it stays in the folder."""
        _, name = self.words(path)
        command = self.command(path)
        command = re.sub(r" -Wp,-MMD,\S+", "", command, count=1)
        place = command.index(f" {name}", command.index(" -c "))
        command = (f"{command[:place]} {options} -g0 -iquote {shlex.quote(str(Path(name).parent))} -x c -"
                   f"{command[place + 1 + len(name):]}")
        done = subprocess.run(
            ["sh", "-e", "-c", command], cwd=self.folder, timeout=BUILD_SECONDS,
            input=f'# 1 "{name}"\n{text}'.encode("latin-1"), capture_output=True)
        if done.returncode:
            lines = done.stderr.decode(errors="replace").splitlines()
            raise NotBuilt(next((line for line in lines if "rror" in line), "the compiler has failed"))
        return (self.folder / self.object_of(path)).read_bytes()

    def good_object(self, path: str, text: str) -> bytes:
        if path not in self.good:
            built = self.folder / self.object_of(path)
            # What was left by a run that was stopped is not good.
            built.unlink(missing_ok=True)
            self.good[path] = self.compile(path, text)
        return self.good[path]

    def begin(self, path: str) -> None:
        """Say whose object is not the good one, should this run be killed."""
        (self.out / "trying").write_text(str(self.object_of(path)), encoding="utf-8")

    def restore(self, path: str) -> None:
        (self.folder / self.object_of(path)).write_bytes(self.good[path])
        (self.out / "trying").unlink()

    # Which cases run: suite.c has the names of those that are skipped.

    def add_selection(self, name: str, skip: list[str]) -> None:
        text = (self.tree / SUITE).read_text(encoding="latin-1")
        words = ",".join(skip)
        option = shlex.quote(f'-DVPK_SKIP="{words}"') if skip else ""
        self.selections[name] = self.compile(SUITE, text, option)

    def select(self, name: str) -> None:
        made = self.folder / self.object_of(SUITE)
        if self.selections and made.read_bytes() != self.selections[name]:
            made.write_bytes(self.selections[name])

    def link(self) -> None:
        if self.link_environment:
            # A matter of seconds, so it takes no turn among the kernel builds.
            self.run(["sh", "-e", "-c", self.link_command()], self.link_environment, "")
        else:
            self.make()
        if self.arch == "uml":
            shutil.copy2(self.folder / "vmlinux", self.folder / "linux")

    def linked(self) -> str:
        """Which kernel that is."""
        return hashlib.sha256((self.folder / "vmlinux").read_bytes()).hexdigest()

    def link_command(self) -> str:
        """The last steps of the build; all the others see no change."""
        commands = []
        # With IBT, vmlinux is made of vmlinux.o, which has been through objtool.
        whole = [] if self.arch == "uml" else ["vmlinux.o"]
        for name in (*whole, "vmlinux.unstripped", "vmlinux"):
            first = (self.folder / f".{name}.cmd").read_text(encoding="utf-8").splitlines()[0]
            commands.append(first.split(":=", 1)[1].strip().rstrip(";"))
        if self.arch != "uml":
            commands.append(f"make -rR -s -f {self.tree}/scripts/Makefile.build "
                            "obj=arch/x86/boot arch/x86/boot/bzImage")
        return "\n".join(commands)

    def forget_fault(self) -> None:
        """A run that was killed has left the object of a mutant."""
        trying = self.out / "trying"
        if trying.exists():
            (self.folder / trying.read_text(encoding="utf-8")).unlink(missing_ok=True)
            trying.unlink()

    def kernel_make(self, *words: str) -> None:
        """The kernel's build, as it was made at first."""
        environment = {k: v for k, v in os.environ.items() if k not in TREE_MAKE}
        arch = {"uml": "um", "guest": "x86_64"}.get(self.arch, self.arch.partition("+")[0])
        have_ccache = self.command_file("init/main.c").read_text(encoding="utf-8").count(":= ccache ")
        self.run(["make", "-s", f"ARCH={arch}", f"O={self.folder}", "-C", str(self.tree),
                  "CC=ccache gcc" if have_ccache else "CC=gcc", *words], environment, self.lock)

    def make(self) -> None:
        """The kernel's build itself. It says with what environment it links."""
        self.forget_fault()
        wrapper, seen = self.out / "nm", self.out / "link-environment"
        wrapper.write_text(f'#!/bin/sh\nenv -0 >"{seen}"\nexec nm "$@"\n')
        wrapper.chmod(0o755)
        seen.unlink(missing_ok=True)
        # Others call nm too; the last call is to be that of a link.
        (self.folder / "vmlinux.unstripped").unlink(missing_ok=True)
        self.kernel_make(f"NM={wrapper}", "vmlinux")
        words = seen.read_bytes().split(b"\0")
        pairs = (os.fsdecode(word).split("=", 1) for word in words if b"=" in word)
        self.link_environment = {k: v for k, v in pairs if k not in TREE_MAKE} | {"NM": "nm"}

    def run(self, command: list[str], environment: dict[str, str], lock: str) -> None:
        if lock:
            command = ["flock", lock, *command]
        done = subprocess.run(command, cwd=self.folder, env=environment, timeout=BUILD_SECONDS + 7200,
                              capture_output=True)
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it does not link"]
            raise NotBuilt(lines[-1])
