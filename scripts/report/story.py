# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Turn what happened around a revocation into steps of a sequence diagram.

A timeline is a cell of the conformance program (events of the guest's tracepoints,
and what a reader thread saw), or a story that is told by "lanes" and "steps"."""

from dataclasses import dataclass, field, replace

from cells import Cell, Event, Seen, make_cell

USER, CORE, IMPORTERS, DEVICE = range(4)


class BadTimeline(Exception):
    """Input that cannot be drawn; the text is for people."""


@dataclass
class Step:
    """An arrow (source, target), a note at a lane, a note across all of them, or,
    without a text, only a change of state."""
    text: str = ""
    source: int | None = None
    target: int | None = None
    at: int | None = None
    kind: str = "note"
    time: float | None = None
    # What a lane's line shows from here on: ok, wait, bad, lock, off or None.
    state: dict[int, str | None] = field(default_factory=dict)
    times: int = 1

    def place(self) -> tuple:
        return self.text, self.source, self.target, self.at


@dataclass
class Story:
    title: str
    lanes: list[str]
    steps: list[Step]

    def in_words(self) -> str:
        """The steps as text, for those who do not see the picture."""
        words = []
        for s in self.steps:
            if s.source is not None:
                words.append(f"{self.lanes[s.source]} to {self.lanes[s.target]}: {s.text}")
            elif s.text:
                words.append(s.text if s.at is None else f"{self.lanes[s.at]}: {s.text}")
        return "; ".join(w.replace("\n", " ") for w in words) + "."


@dataclass
class Look:
    """How an event is drawn: an arrow between two lanes, or a note at one."""
    text: str
    source: int
    target: int | None = None
    answers: bool | None = None     # the device afterwards; None: as before


EVENTS = {
    "zap": Look("zap", CORE, USER),
    "revoke": Look("have let go", IMPORTERS, CORE),
    "unrevoke": Look("may map again", CORE, IMPORTERS),
    "invalidate": Look("let go", CORE, IMPORTERS),
    "release": Look("release", IMPORTERS, CORE),
    "d0": Look("to D0", CORE, DEVICE, True),
    "d1": Look("to D1", CORE, DEVICE),
    "d2": Look("to D2", CORE, DEVICE),
    "d3": Look("to D3hot", CORE, DEVICE, False),
    "mem-off": Look("memory off", CORE, DEVICE, False),
    "mem-on": Look("memory on", CORE, DEVICE, True),
    "flr": Look("FLR", CORE, DEVICE),
    "af-flr": Look("AF FLR", CORE, DEVICE),
    "bus-reset": Look("bus reset", CORE, DEVICE),
    "reset": Look("reset", CORE, DEVICE, False),
    "reset-done": Look("reset done", DEVICE, None, True),
    "suspend": Look("suspend", CORE, DEVICE, False),
    "resume": Look("resume", CORE, DEVICE, True),
    "close": Look("close_device()", CORE),
}
POWER = ("d0", "d1", "d2", "d3")
# Of no interest to the eye.
HIDDEN = ("unmap", "power-done")


def lanes_for(devices: int) -> list[str]:
    names = ["device"] if devices < 2 else [f"function {i}" for i in range(devices)]
    return ["user thread", "VFIO core", "DMABUF importers", *names]


# --- a cell

READER = {
    "ok": ("reads", "good", "ok"),
    "blocked": ("blocks: a fault waits for memory_lock", "wait", "wait"),
    "sigbus": ("SIGBUS", "bad", "bad"),
    "ones": ("reads all-ones", "bad", "bad"),
    "slow": ("one slow read", "note", None),
}


def around(cell: Cell, first: float, last: float) -> list[Seen]:
    """What the reader saw around the events, with what is alike joined. A second
    thread, if there is one, reads what is mapped by hand: it is left out."""
    out: list[Seen] = []
    for seen in sorted((s for s in cell.reader if not s.by_hand), key=lambda s: s.start):
        s = replace(seen)
        if s.seen == "slow" and (s.end < first or s.start > last):
            s.seen = "ok"
        if s.end < first:
            out.clear()     # the last one before the first event is enough
        if s.start > last and out and out[-1].seen == "ok":
            break           # it works again: the rest is the same
        if out and out[-1].seen == s.seen and s.start < out[-1].end + 0.5:
            out[-1].end, out[-1].count = s.end, out[-1].count + s.count
        else:
            s.start = max(s.start, round(first - 0.5, 3))
            s.end = max(s.end, s.start)
            out.append(s)
    return out


def reader_steps(cell: Cell, events: list[Event]) -> list[tuple[float, Step]]:
    """What the reader thread saw, each change of it a step."""
    zap = next((e.t for e in events if e.name == "zap"), events[0].t)
    out, before = [], None
    seen = around(cell, events[0].t, events[-1].t)
    for s, following in zip(seen, [*seen[1:], None]):
        if len(cell.set) > 1 and s.seen != "blocked" and not (s.seen == "ok" and before == "blocked"):
            continue        # one thread reads all devices in turn: two states at once
        start, time = s.start, s.start
        if s.seen == "sigbus" and s.start < zap < s.end and cell.path != "device_reset_d3hot":
            # Its first access began before the zap, and faulted after it.
            start, time = zap + 1e-6, None
        if s.seen != before:
            text, kind, band = READER.get(s.seen, (s.seen, "note", None))
            out.append((start, Step(text, at=USER, kind=kind, time=time, state={USER: band})))
            before = s.seen
        if following and following.start > s.end + 0.5:
            # Nothing is known of the time in between: the thread did not run.
            out.append((s.end, Step(state={USER: None})))
            before = None
    return out


def unlock_event(cell: Cell, events: list[Event]) -> Event | None:
    """The event after which memory_lock is released, at the latest."""
    middle = cell.middle or events[-1].t
    if cell.path == "close" or cell.path.startswith("runtime_pm"):
        names = ("revoke",)
    elif any(e.t > middle for e in events) or not any(e.name == "unrevoke" for e in events):
        names = ("revoke", "mem-off", "mem-on", *POWER)
        events = [e for e in events if e.t <= middle]
    else:
        names = ("unrevoke",)
    return next((e for e in reversed(events) if e.name in names), None)


def event_step(event: Event, devices: int) -> Step:
    """One event as a step, with what its tracepoint counted. Events of the PCI core are
    not known by device: they are drawn to the last one, and count for all."""
    look = EVENTS.get(event.name) or Look(event.name, CORE)
    if event.name == "zap":
        by_hand = ", and by hand" if event.arg(1) else ""
        look = replace(look, text=f"zap ({event.arg(0)} DMABUFs{by_hand})")
    elif event.name == "revoke" and event.arg(1):
        look = replace(look, text=f"{event.arg(1)} have let go")
    elif event.name == "revoke":
        look = Look(f"revoke: {event.arg(0)} DMABUFs, no importer", CORE)
    known = 0 <= event.dev < devices

    def lane(where: int) -> int:
        if where != DEVICE:
            return where
        return DEVICE + (event.dev if known else devices - 1)

    step = Step(look.text + (f" ({event.detail})" if event.detail else ""), time=event.t)
    if devices > 1 and known and event.name in ("zap", "revoke", "unrevoke"):
        step.text = f"{event.dev}: {step.text}"
    if look.target is None:
        step.at = lane(look.source)
    else:
        step.source, step.target = lane(look.source), lane(look.target)
    if event.name == "zap":
        step.state = {CORE: "lock"}
    elif look.answers is not None:
        these = [event.dev] if known else range(devices)
        step.state = {DEVICE + i: None if look.answers else "off" for i in these}
    return step


def cell_steps(cell: Cell) -> tuple[int, list[Step]]:
    devices = max(1, len(cell.set))
    events = [e for e in cell.events if e.name not in HIDDEN]
    if not events:
        raise BadTimeline("the cell has no events")
    unlock, resetting, timed = unlock_event(cell, events), False, []
    for event in events:
        if event.name in ("reset", "reset-done"):
            resetting = event.name == "reset"
        if resetting and event.name in POWER:
            continue        # the PCI core's own, of a device in D0
        step = event_step(event, devices)
        if event is unlock:
            step.state[CORE] = None
        timed.append((event.t, step))
    timed += reader_steps(cell, events)
    steps: list[Step] = []
    for _, step in sorted(timed, key=lambda pair: pair[0]):
        if steps and step.text and steps[-1].place() == step.place():
            steps[-1].times += 1
            steps[-1].state.update(step.state)
        else:
            steps.append(step)
    for step in steps:
        if step.times > 1:
            step.text += f" ({step.times} times)"
    return devices, steps


# --- any of them

def told_step(item: dict) -> Step:
    return Step(item.get("text", item.get("across", "")), item.get("from"), item.get("to"),
                item.get("at"), item.get("kind", "note"), item.get("time"),
                {int(lane): style for lane, style in item.get("state", {}).items()})


def tell(timeline: dict | Cell) -> Story:
    """The story of a timeline of any kind."""
    if isinstance(timeline, dict) and "steps" in timeline:
        story = Story(timeline["title"], timeline["lanes"], [told_step(s) for s in timeline["steps"]])
    elif isinstance(timeline, Cell) or "events" in timeline:
        cell = timeline if isinstance(timeline, Cell) else make_cell(timeline)
        devices, steps = cell_steps(cell)
        story = Story(cell.title, lanes_for(devices), steps)
    else:
        raise BadTimeline("neither a cell nor a story")
    for step in story.steps:
        for lane in (step.source, step.target, step.at, *step.state):
            if lane is not None and not 0 <= lane < len(story.lanes):
                raise BadTimeline(f"a step names a lane that does not exist: {step.text}")
    return story
