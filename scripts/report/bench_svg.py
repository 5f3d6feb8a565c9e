# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Draw the benchmark's picture: cost against the number of mappings, log-log."""

import math
from dataclasses import dataclass

NUMBERS = (1, 16, 256, 1024, 4096)
DECADES = range(3, 8)   # of the cost
WIDTH, HEIGHT, LEFT, TOP, GAP = 400, 250, 62, 78, 70     # of a panel, and around it
PANELS = [
    ("revoke", "pages_touched", "revoke: N one-page mappings, touched"),
    ("revoke", "pages_untouched", "revoke: N one-page mappings, untouched"),
    ("revoke", "big_4k", "revoke: one mapping of N pages, 4K"),
    ("reset", "pages_touched", "VFIO_DEVICE_RESET: N one-page mappings"),
    ("unrevoke", "pages_touched", "unrevoke: N one-page mappings"),
    ("revoke", "big_pmd", "revoke: one mapping of N pages, PMD-aligned"),
]
COLOURS = {"unpatched": "#767676", "vfio-pci": "#0072b2", "wrapper-vfio-pci": "#d55e00",
           "remap-vfio-pci": "#009e73", "dmabuf-vfio-pci": "#cc79a7"}
OTHERS = ("#b8860b", "#56b4e9", "#8b4513")
SHAPES = {  # corners of the markers; none: a circle
    "circle": (), "square": ((-3, -3), (3, -3), (3, 3), (-3, 3)),
    "diamond": ((0, -4), (4, 0), (0, 4), (-4, 0)),
    "up": ((0, -4), (4, 3), (-4, 3)), "down": ((0, 4), (4, -3), (-4, -3)),
}
STYLE = (".p{fill:#fff}.g{stroke:#dcdcdc}.t{fill:#222}"
         "@media (prefers-color-scheme:dark){.p{fill:#131416}.g{stroke:#3a3d42}.t{fill:#ddd}}")


@dataclass
class Series:
    words: str
    run: object             # bench.Run
    colour: str
    shape: str
    dashed: bool

    def line(self, points: list[tuple[float, float]], width: float) -> str:
        dash = ' stroke-dasharray="6 4"' if self.dashed else ""
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return (f'<polyline points="{text}" fill="none" stroke="{self.colour}" '
                f'stroke-width="{width}"{dash}/>')

    def marker(self, x: float, y: float) -> str:
        corners = SHAPES[self.shape]
        if not corners:
            return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="none" stroke="{self.colour}" '
                    'stroke-width="1.5"/>')
        text = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
        return f'<polygon points="{text}" fill="{self.colour}"/>'


def x_of(n: int) -> float:
    return WIDTH * math.log10(n) / math.log10(NUMBERS[-1])


def y_of(cost: float) -> float:
    lowest, highest = DECADES[0], DECADES[-1]
    return HEIGHT - HEIGHT * (math.log10(max(cost, 10 ** lowest)) - lowest) / (highest - lowest)


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text class="t" x="{x:.1f}" y="{y:.1f}"{more}>{words}</text>'


def grid(x: float, y: float) -> list[str]:
    out = []
    for decade in DECADES:
        at = y + y_of(10 ** decade)
        out += [f'<line class="g" x1="{x}" y1="{at:.1f}" x2="{x + WIDTH}" y2="{at:.1f}"/>',
                text(x - 8, at + 4, f'10<tspan dy="-5" font-size="9">{decade}</tspan>', ' text-anchor="end"')]
    for n in NUMBERS:
        at = x + x_of(n)
        out += [f'<line class="g" x1="{at:.1f}" y1="{y}" x2="{at:.1f}" y2="{y + HEIGHT}"/>',
                text(at, y + HEIGHT + 16, str(n), ' text-anchor="middle"')]
    return out


def panel(x: float, y: float, key: tuple[str, str], words: str, series: list[Series]) -> list[str]:
    out = [text(x, y - 8, words, ' font-weight="bold"'), *grid(x, y)]
    for s in series:
        points = [(x + x_of(n), y + y_of(cost)) for n in NUMBERS
                  if (cost := s.run.get("ivshmem", *key, n)) is not None]
        if points:
            out += [s.line(points, 1.6), *(s.marker(*p) for p in points)]
    return out


def picture(old, runs: dict, device: str) -> str:
    shapes, others = list(SHAPES), iter(OTHERS * 4)
    series = [Series("vfio-pci, unpatched", old, COLOURS["unpatched"], shapes[0], True)]
    series += [Series(f"{driver}, patched", run, COLOURS.get(driver) or next(others),
                      shapes[(i + 1) % len(shapes)], False) for i, (driver, run) in enumerate(runs.items())]
    width, height = 2 * (WIDTH + GAP) + LEFT - 20, TOP + 3 * (HEIGHT + GAP) + 6
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
           'font-family="sans-serif" font-size="12">',
           "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
           "<title>Cost of revoking BAR mappings against their number</title>",
           "<desc>Instructions, log-log, on the unpatched and the patched kernel. All figures are in "
           "bench.csv.</desc>",
           f'<style>{STYLE}</style><rect class="p" width="{width}" height="{height}"/>',
           text(LEFT, 22, f"Instructions against the number of mappings or pages, {device}", ' font-size="15"')]
    for i, s in enumerate(series):
        x, y = LEFT + (i % 3) * 280, 42 + (i // 3) * 16
        out += [s.line([(x, y - 4), (x + 28, y - 4)], 2), s.marker(x + 14, y - 4), text(x + 36, y, s.words)]
    for i, (*key, words) in enumerate(PANELS):
        out += panel(LEFT + (i % 2) * (WIDTH + GAP), TOP + (i // 2) * (HEIGHT + GAP) + 22, key, words, series)
    return "\n".join([*out, "</svg>"]) + "\n"
