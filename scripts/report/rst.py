# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Tables for the manual."""


def rst_table(title: str, rows: list) -> list[str]:
    lines = [f".. list-table:: {title}", "   :header-rows: 1", ""]
    for row in rows:
        # A bare dash would begin a list in the cell.
        cells = [r"\-" if c == "-" else str(c) for c in row]
        lines += [f"   * - {cells[0]}", *(f"     - {c}" for c in cells[1:])]
    return lines + [""]


def rst_text(made_by: str, tables: list[list[str]]) -> str:
    lines = [".. SPDX-" "License-Identifier: GPL-2.0-only", f".. Made from a run of {made_by}.", ""]
    return "\n".join(lines + [line for t in tables for line in t]).rstrip() + "\n"
