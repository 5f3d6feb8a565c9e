# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Check each command that the manual shows: does it exist, with these options?"""

import functools
import os
import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Tools of a system, which are not all installed where the manual is checked.
TOOLS = {"cd", "echo", "cat", "grep", "git", "export", "sudo", "ls", "tail", "less", "dmesg", "modprobe", "man",
         "insmod", "python3", "dpkg", "lspci", "cp", "xdg-open", "sed"}
# Targets of the kernel's own Makefile, of which the text speaks.
KERNEL_MAKE = {"modules_prepare", "mrproper", "W=1", "COMPILE_TEST"}
CONSOLE = re.compile(r"(?m)^( *)\.\. code-block:: console\n(?:\1 +.*\n|\s*\n)*")
SHOWN = re.compile(r":command:`([^`]+)`|``(make [a-z][^`]*|(?:scripts|guest)/[^`]+)``")
ENV = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}


def shown(docs: Path):
    """(page, command) of each console block, and of each that is named."""
    for path in sorted(docs.rglob("*.rst")):
        text = path.read_text(encoding="utf-8")
        for block in CONSOLE.finditer(text):
            yield from ((path.name, line) for line in re.findall(r"(?m)^\s*[$#] (.*)", block[0]))
        yield from ((path.name, a or b) for a, b in SHOWN.findall(CONSOLE.sub("", text)))


@functools.cache
def variables() -> set[str]:
    """All that the Makefile and the programs may take from the environment."""
    texts = (p.read_text(encoding="utf-8", errors="replace") for p in [ROOT / "Makefile", *programs()])
    return {name for text in texts for name in re.findall(r"\b([A-Z][A-Z_]*)\b", text)}


@functools.cache
def programs() -> list[Path]:
    return [p for folder in ("scripts", "scripts/gates", "guest") for p in sorted((ROOT / folder).iterdir())
            if p.is_file() and os.access(p, os.X_OK) and p.name != "init"]


@functools.cache
def help_of(program: Path) -> str:
    """What it says with --help; nothing if that fails."""
    try:
        return subprocess.run([program, "--help"], text=True, capture_output=True, timeout=60, check=True,
                              stdin=subprocess.DEVNULL).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def wrong_make(words: list[str]) -> str:
    if KERNEL_MAKE & set(words):
        return ""
    for name in (word.split("=")[0] for word in words if "=" in word):
        if name not in variables():
            return f"nothing knows the variable {name}"
    run = subprocess.run(["make", "--no-print-directory", "-C", str(ROOT), "-n", *words], text=True,
                         capture_output=True, check=False, env=ENV)
    return "make -n does not accept it: " + run.stderr.strip().splitlines()[-1] if run.returncode else ""


def wrong_program(name: str, words: list[str], tree: Path) -> str:
    path = ROOT / name
    if not path.exists():
        return "" if (tree / name).exists() else f"no program {name}"
    if path not in programs():
        return "" if not words else f"{name} is no program"
    text = help_of(path)
    missing = [w for w in words if w.startswith("--") and w.split("=")[0] not in text]
    return f"{name} --help does not know {missing[0]}" if missing else ""


def wrong(command: str, tree: Path) -> str:
    """Why this command does not exist; empty if it does."""
    try:
        words = shlex.split(command.replace("…", "x"), comments=True)
    except ValueError as e:
        return f"cannot be split into words ({e})"
    while words and (words[0] == "sudo" or re.match(r"[A-Z_]+=", words[0])):
        words.pop(0)
    if not words or words[0] in TOOLS:
        return ""
    if words[0] == "make":
        return wrong_make(words[1:])
    if "/" in words[0]:
        return wrong_program(words[0], words[1:], tree)
    return f"no such command is known: {words[0]}"


def check(docs: Path, tree: Path) -> tuple[list[str], int]:
    """What is wrong, and how many commands there are."""
    found = list(shown(docs))
    return [f"{page}: '{command}': {why}" for page, command in found
            if (why := wrong(command, tree))], len(found)
