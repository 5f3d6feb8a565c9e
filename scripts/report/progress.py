# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Say which path and driver a guest is at, while it runs."""

import signal
import sys
import time
from pathlib import Path

import cells
from table import WIDTH


def stop(*_) -> None:
    raise SystemExit(0)


def follow(folder: Path, limit: int) -> int:
    """Until the guest is off, the limit is over or somebody ends this process."""
    signal.signal(signal.SIGTERM, stop)
    terminal = sys.stderr.isatty()
    every, begun, said = (0.5 if terminal else 15), time.monotonic(), 0.0
    try:
        while (now := time.monotonic() - begun) < limit:
            path = folder / "cells.jsonl"
            results = cells.load(path) if path.exists() else cells.Results()
            if results.off is not None:
                break
            done = sum(c.status != "skip" for c in results.cells)
            where = "the guest starts" if results.up is None else results.at or "the guest runs"
            line = f"{int(now) // 60}:{int(now) % 60:02d}  {where}{f', {done} cells done' if done else ''}"
            if terminal:
                sys.stderr.write(f"\r  {line[:WIDTH - 3]}\033[K")
            elif now - said >= every:
                sys.stderr.write(f"  {line}\n")
                said = now
            sys.stderr.flush()
            time.sleep(0.5)
    finally:
        if terminal:
            sys.stderr.write("\r\033[K")
    return 0
