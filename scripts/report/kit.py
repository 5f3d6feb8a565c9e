# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""The name and version of the kit, which each report shows. The version is in the
file VERSION at the top, and nowhere else."""

from pathlib import Path

NAME = "VFIO variant-driver kit"
VERSION = (Path(__file__).resolve().parents[2] / "VERSION").read_text(encoding="utf-8").strip()
TITLE = f"{NAME} {VERSION}"
