# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Draw timelines as SVG: for the manual, and for verify's page."""

import html
import json
import textwrap
from pathlib import Path

from cells import Cell, load
from story import HIDDEN, Step, Story, around, tell

STYLE = Path(__file__).with_name("timeline.css")
LANE_WIDTH = 124
TIME_WIDTH = 58
LINE = 14
GAP = 13            # between two rows
HEAD = 44
LETTER = 5.75       # pixels, about, of 11 px text
# For the manual: emulated devices, those that show a path best first.
DEVICES = ["igb", "slot", "igbvf", "virtio-net", "ivshmem-plain", "nvme"]
KEPT = ("driver", "device", "path", "title", "middle", "end", "set")


def esc(text) -> str:
    return html.escape(str(text), quote=True)


def fold(text: str, width: float = LANE_WIDTH - 14) -> list[str]:
    """Text as lines of about that many pixels."""
    return textwrap.wrap(text, max(8, int(width / LETTER))) or [""]


class Diagram:
    """A sequence diagram that grows downwards, a step at a time."""

    def __init__(self, story: Story):
        self.story = story
        self.timed = any(s.time is not None for s in story.steps)
        self.left = TIME_WIDTH if self.timed else 12
        self.lanes = LANE_WIDTH * len(story.lanes)
        self.width = self.left + self.lanes + 12
        self.x = [self.left + LANE_WIDTH * (i + 0.5) for i in range(len(story.lanes))]
        self.y = HEAD
        self.body: list[str] = []
        self.bands: list[str] = []
        self.open: dict[int, tuple[str, float]] = {}
        for step in story.steps:
            self.add(step)
        for lane in list(self.open):
            self.set_state(lane, None, self.y)
        self.height = self.y + 6

    def set_state(self, lane: int, style: str | None, at: float) -> None:
        if lane in self.open:
            was, start = self.open.pop(lane)
            self.bands.append(f'<rect class="band-{esc(was)}" x="{self.x[lane] - 2.5:.1f}" y="{start:.0f}" '
                              f'width="5" height="{max(at - start, 2):.0f}"/>')
        if style:
            self.open[lane] = (style, at)

    def text(self, lines: list[str], x: float, y: float, kind: str = "") -> None:
        for i, line in enumerate(lines):
            self.body.append(f'<text{kind} x="{x:.0f}" y="{y + i * LINE:.0f}" '
                             f'text-anchor="middle">{esc(line)}</text>')

    def box(self, kind: str, lines: list[str], x: float, width: float) -> float:
        """A note around x; its height."""
        height = LINE * len(lines) + 8
        self.body.append(f'<rect class="{esc(kind)}" x="{x - width / 2:.0f}" y="{self.y:.0f}" '
                         f'width="{width:.0f}" height="{height}" rx="3"/>')
        self.text(lines, x, self.y + 15)
        return height

    def arrow(self, step: Step) -> float:
        a, b = self.x[step.source], self.x[step.target]
        lines = fold(step.text, max(abs(b - a) - 14, 60))
        height = LINE * len(lines) + 6
        wide = max(len(t) for t in lines) * LETTER + 6
        self.body.append(f'<rect class="back" x="{(a + b) / 2 - wide / 2:.1f}" y="{self.y:.0f}" '
                         f'width="{wide:.1f}" height="{LINE * len(lines)}"/>')
        self.text(lines, (a + b) / 2, self.y + 11)
        y, sign = self.y + height, 1 if b > a else -1
        a, b = a + 5 * sign, b - 5 * sign
        self.body.append(f'<path class="arrow" d="M{a:.0f} {y:.0f}H{b - 6 * sign:.0f}"/>'
                         f'<path class="tip" d="M{b:.0f} {y:.0f}l{-8 * sign} -4v8z"/>')
        return height

    def add(self, step: Step) -> None:
        if not step.text:
            middle, height = self.y, -GAP
        elif step.source is not None:
            height = self.arrow(step)
            middle = self.y + height
        else:
            if step.at is None:
                lines = fold(step.text, self.width - self.left - 30)
                height = self.box(step.kind, lines, self.left + self.lanes / 2, self.lanes)
            else:
                height = self.box(step.kind, fold(step.text), self.x[step.at], LANE_WIDTH - 8)
            middle = self.y + height / 2
        if step.time is not None:
            self.body.append(f'<text class="dim" x="{self.left - 6}" y="{middle + 4:.0f}" '
                             f'text-anchor="end">{step.time:.2f}</text>')
        for lane, style in step.state.items():
            self.set_state(lane, style, middle)
        self.y += height + GAP

    def svg(self, number: int) -> str:
        story, steps = self.story, self.body
        self.body = []
        for i, name in enumerate(story.lanes):
            self.body.append(f'<path class="life" d="M{self.x[i]:.0f} {HEAD - 8}V{self.height - 4:.0f}"/>')
            self.text(fold(name)[:2], self.x[i], LINE, ' class="head"')
        if self.timed:
            self.body.append(f'<text class="dim" x="{self.left - 6}" y="14" text-anchor="end">ms</text>')
        smallest = min(self.width * 0.84, 430)
        return "\n".join([
            f'<svg class="tl" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height:.0f}" '
            f'style="width:100%;max-width:{self.width}px;min-width:{smallest:.0f}px" role="img" '
            f'aria-labelledby="tl{number}t tl{number}d">',
            f'<title id="tl{number}t">{esc(story.title)}</title>',
            f'<desc id="tl{number}d">{esc(story.in_words())}</desc>',
            *self.body, *self.bands, *steps, "</svg>"]) + "\n"


def draw(timeline: dict | Cell, number: int = 0) -> str:
    """One SVG element, for a page that has STYLE. number makes the ids of a page's
    diagrams differ."""
    return Diagram(tell(timeline)).svg(number)


def shows(cell: Cell) -> tuple[int, int, int]:
    """The higher, the more there is to see: kinds of events, then of what the reader saw."""
    seen = {s.seen for s in cell.reader} - {"slow"}
    return len({e.name for e in cell.events}), len(seen), -DEVICES.index(cell.device)


def record(results: Path, folder: Path) -> int:
    """Take the timelines that the manual shows out of a run of make verify."""
    run = load(results)
    best: dict[str, Cell] = {}
    for cell in run.cells:
        if (cell.driver == "vfio-pci" and cell.device in DEVICES and cell.status == "ok"
                and cell.events):
            best[cell.path] = max(best.get(cell.path, cell), cell, key=shows)
    folder.mkdir(parents=True, exist_ok=True)
    for path, cell in sorted(best.items()):
        cell.events = [e for e in cell.events if e.name not in HIDDEN]
        seen = around(cell, cell.events[0].t, cell.events[-1].t)
        item = {**{name: getattr(cell, name) for name in KEPT}, "kernel": run.kernel,
                "events": [vars(e) for e in cell.events],
                "reader": [{"seen": s.seen, "from": s.start, "to": s.end, "count": s.count,
                            "dev": s.dev} for s in seen]}
        (folder / f"{path}.json").write_text(json.dumps(item) + "\n", encoding="utf-8")
        print(folder / f"{path}.json")
    return 0 if best else 1
