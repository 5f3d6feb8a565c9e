# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Directives that draw: timelines, and the rooms of the kit."""

import json
import textwrap
from pathlib import Path

from docutils import nodes
from sphinx.ext.graphviz import graphviz

import kit_tree
import timeline             # of scripts/report
from kit_directives import KitDirective
from story import BadTimeline


class Timeline(KitDirective):
    """One diagram, or several side by side where there is room."""
    required_arguments = 1
    final_argument_whitespace = True

    def check_case(self, tl: dict) -> None:
        """Does the case exist, and expect these orders?"""
        text = kit_tree.kunit_case_text(self.root, tl["kunit"])
        if text is None:
            self.warn(f"timeline of a KUnit case that does not exist: {tl['kunit']}")
            return
        for order in tl["orders"]:
            if f'"{order}"' not in text:
                self.warn(f"{tl['kunit']} does not expect the order '{order}'")
        # One arrow an event, and one a request of the user thread.
        shown = sum(step.get("from", 0) > 0 for step in tl["steps"])
        if shown != sum(len(order.split()) for order in tl["orders"]):
            self.warn(f"the steps of {tl['title']} are not those of its orders")

    def caption(self, tl: dict) -> str:
        if "kunit" in tl:
            self.check_case(tl)
            return (f"The order that the KUnit case :kunit:`{tl['kunit']}` expects of the fixture's "
                    "event log, which the tracepoints feed. It has no times.")
        if "events" in tl:
            kernel = f", Linux {tl['kernel']}" if tl.get("kernel") else ""
            device = "slot of two functions" if tl["device"] == "slot" else f"``{tl['device']}``"
            return (f"Recorded by ``make verify`` with plain vfio-pci on an emulated {device}{kernel}: "
                    "tracepoints and kprobe events of the guest, and what a reader thread saw. Times in "
                    "milliseconds; rows are not to scale.")
        return "A story, not a recording."

    def html(self, text: str):
        return nodes.raw("", text, format="html")

    def one(self, name: str) -> list:
        path = Path(self.env.srcdir, "timelines", f"{name}.json")
        try:
            tl = json.loads(path.read_text(encoding="utf-8"))
            svg = timeline.draw(tl, self.env.new_serialno("timeline"))
        except (OSError, BadTimeline, ValueError, KeyError, TypeError) as e:
            return self.warn(f"{path}: {e!r}")
        text = self.caption(tl)
        # A picture that scrolls where it is too wide.
        return [self.html('<figure class="timeline"><div class="timeline-scroll" tabindex="0" role="group" '
                          f'aria-label="{timeline.esc(tl["title"])}">{svg}</div><figcaption>'),
                *self.parse([f"**{tl['title']}.** {text}"]), self.html("</figcaption></figure>")]

    def run(self):
        out = [node for name in self.arguments[0].split() for node in self.one(name)]
        if " " not in self.arguments[0]:
            return out
        return [self.html('<div class="timeline-pair">'), *out, self.html("</div>")]


class KitRooms(KitDirective):
    """The folders of the kit, each with what it is for, and an arrow to each whose files
    it uses: from the README's table, and from what their files name."""

    def run(self):
        rooms = kit_tree.rooms(self.root)
        if not rooms:
            return self.warn("README.rst has no table of rooms")
        lines = ["digraph { bgcolor=transparent; nodesep=.2; ranksep=.4;",
                 'node [shape=box, style=filled, fillcolor=white, fontname="sans-serif", fontsize=11];',
                 'edge [color="#808080"];']
        for room, text in rooms.items():
            words = "\\n".join(textwrap.wrap(text, 24)).replace('"', "'")
            lines.append(f'"{room}" [label="{room}/\\n{words}"];')
        lines += [f'"{a}" -> "{b}";' for a, b in sorted(kit_tree.calls(self.root, list(rooms)))]
        return [graphviz("", code="\n".join([*lines, "}"]), alt="The rooms of the kit", align="center",
                         options={"docname": self.env.docname})]


def setup(app):
    app.add_directive("timeline", Timeline)
    app.add_directive("kit-rooms", KitRooms)
