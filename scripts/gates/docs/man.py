# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Check that the manual pages can be shown."""

import subprocess
from pathlib import Path


def check(folder: Path) -> tuple[list[str], int]:
    """What groff complains of, and how many pages there are."""
    pages = sorted(folder.glob("*.9"))
    run = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", *pages], text=True, capture_output=True,
                         check=False, stdin=subprocess.DEVNULL)
    problems = [line.replace(f"{folder}/", "") for line in run.stderr.splitlines()]
    if run.returncode:
        problems.append(f"groff ends with status {run.returncode}")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        problems += [f"{page.name}: no section {name}" for name in ("NAME", "SYNOPSIS")
                     if f"\n.SH {name}\n" not in text]
    return problems or ([] if pages else ["there is no page"]), len(pages)
