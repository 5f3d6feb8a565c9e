# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Run a guest, and stop it at the first thing that a good kernel does not do."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "report"))
import console  # noqa: E402 of scripts/report

RESULT = re.compile(r"^ *(not ok|ok) \d+ (\S+)(.*# SKIP)?")
POLL_SECONDS = 0.1
# Beyond the time that the good kernel took: a busy machine is slower.
SLACK = 4
# Guests have process groups of their own, so that who ends this must end them.
running: set[subprocess.Popen] = set()
ending = threading.Event()


@dataclass
class Right:
    """What a good kernel does."""
    results: list[tuple[str, str, bool]]
    seconds: float
    reports: set[str] = field(default_factory=set)
    kernel: str = ""        # which one that was

    @property
    def limit(self) -> float:
        return 30 + SLACK * self.seconds


def result_of(line: str) -> tuple[str, str, bool] | None:
    match = RESULT.match(line)
    return (match[1], match[2], bool(match[3])) if match else None


def results(lines: list[str]) -> list[tuple[str, str, bool]]:
    return [result for line in lines if (result := result_of(line))]


def seen_reports(lines: list[str]) -> list[str]:
    return [report.text.strip() for report in console.reports(lines, lambda _: "kunit")
            if not report.known]


def difference(lines: list[str], right: Right, done: bool) -> str:
    """The first result that differs, in a few words; at the end, also what is missing and
    what the kernel reports. Nothing as long as nothing differs."""
    found = results(lines)
    for (word, name, skipped), expected in zip(found, right.results):
        if (word, name, skipped) != expected:
            if name != expected[1]:
                return f"{expected[1]} is missing"
            return f"{name} {'fails' if word == 'not ok' else 'is skipped' if skipped else 'passes'}"
    if len(found) > len(right.results):
        return f"{found[len(right.results)][1]} is new"
    for report in seen_reports(lines) if done else ():
        if without_numbers(report) not in right.reports:
            return f"the kernel reports: {report[:100]}"
    if done and len(found) < len(right.results):
        return f"the kernel ends before {right.results[len(found)][1]}"
    return ""


def without_numbers(report: str) -> str:
    return re.sub(r"\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b", "N", report)


def run(guest: list[str], log: Path, limit: float, stop=lambda lines: "", lock: str = "") -> tuple[str, float]:
    """Run a guest; (why it was stopped, how long it ran)."""
    words = ["flock", lock, *guest] if lock else guest
    why, ended = "", False
    with open(log, "wb") as out:
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   start_new_session=True, env=environment)
        running.add(process)
        begin, size = None if lock else time.monotonic(), 0
        try:
            while not why:
                ended = process.poll() is not None
                if begin is None and log.stat().st_size:
                    begin = time.monotonic()    # the lock was free
                if begin and time.monotonic() - begin > limit:
                    return f"not done after {limit:.0f} s", limit
                if ended or log.stat().st_size > size:
                    size = log.stat().st_size
                    why = stop(complete_lines(log, ended))
                if ended:
                    break
                time.sleep(POLL_SECONDS)
        finally:
            end(process)
            running.discard(process)
            # Nothing is to be learnt of a guest that end_with() has killed.
            if ending.is_set():
                time.sleep(60)
    return why, time.monotonic() - begin if begin else 0.0


def end(process: subprocess.Popen) -> None:
    """End a guest; UML by itself ends what it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(2)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            pass
    process.wait()


def end_with(number: int, _frame) -> None:
    """For a signal that ends this, in whatever a thread is: no guest is left."""
    ending.set()
    for kill, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 0)):
        for process in list(running):
            try:
                os.killpg(process.pid, kill)
            except ProcessLookupError:
                pass
        time.sleep(seconds)
    os._exit(128 + number)


def complete_lines(log: Path, ended: bool) -> list[str]:
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "")
    return text.splitlines() if ended else text.splitlines()[:-1]


def right(guest: list[str], log: Path, lock: str) -> Right:
    """Run the good kernel; all it does is right."""
    why, seconds = run(guest, log, 3600, lock=lock)
    if why:
        raise RuntimeError(f"the good kernel: {why} (console: {log})")
    lines = complete_lines(log, True)
    found = results(lines)
    if not found or any(word == "not ok" for word, _, _ in found):
        raise RuntimeError(f"the suites fail on the good kernel (console: {log})")
    return Right(found, seconds, {without_numbers(r) for r in seen_reports(lines)})


def judge(guest: list[str], log: Path, good: Right, lock: str) -> str:
    """What the suites found, or nothing."""
    why, _ = run(guest, log, good.limit, lambda lines: difference(lines, good, False), lock)
    return why or difference(complete_lines(log, True), good, True)
