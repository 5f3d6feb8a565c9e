# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Make single faults in the series and the drivers, and see whether the suites notice.

Started by scripts/run-mutants, which has built and run the good kernels."""

import argparse
import hashlib
import os
import queue
import random
import shutil
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import guest
import judge
import page
import results
import scope
import self_test
import syntax
from kernel import Kernel
from trial import Machine, Trial


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run-mutants", description=__doc__)
    parser.add_argument("--tree", type=Path, required=True, help="the grafted tree")
    parser.add_argument("--kernel", action="append", required=True, metavar="ARCH=DIR",
                        help="a good kernel, in the order in which a mutant tries them")
    parser.add_argument("--out", type=Path, required=True, help="where the results are")
    parser.add_argument("--over", default="series,variants", help="of " + ",".join(scope.GROUPS))
    parser.add_argument("--count", type=int, default=0, help="how many mutants; 0: all")
    parser.add_argument("--seed", default="1", help="what draws the sample")
    parser.add_argument("--floor", type=float, default=0, help="the percentage that has to be found")
    parser.add_argument("--guest", metavar="BASE", help="try survivors in the guest as well")
    parser.add_argument("--guest-floor", type=float, default=0, help="with the guest's tests")
    parser.add_argument("--only", default="", help="FILE[:LINE], a part of the path is enough")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--dry-run", action="store_true", help="list the mutants and try none")
    parser.add_argument("--report", action="store_true", help="try none, show what is known")
    return parser.parse_args()


def tests_version(tree: Path) -> str:
    """Of everything that may notice a mutant."""
    kit = tree / scope.KIT
    digest = hashlib.sha256()
    for path in sorted([*kit.glob("kunit/*"), *kit.glob("variants/*/*_kunit.c")]):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def wanted(mutants: list[syntax.Mutant], only: str) -> list[syntax.Mutant]:
    path, _, line = only.partition(":")
    return [m for m in mutants if path in m.path and line in ("", str(m.line))]


def all_mutants(sources: list[scope.Source], kernels: list[Kernel]) -> dict[str, list[syntax.Mutant]]:
    """Of each file, what any of the kernels compiles of it. What only lockdep or KASAN
    sees of a file is not a part of the driver."""
    kernels = [kernel for kernel in kernels if not kernel.debug] or kernels
    found = {}
    for source in sources:
        able = [kernel for kernel in kernels if kernel.compiles(source.path)]
        if not able:
            print(f"{source.path}: no kernel here compiles it", file=sys.stderr)
        mutants = {}
        for kernel in able:
            words, name = kernel.words(source.path)
            mutants |= {m.id: m for m in syntax.mutants(source, name, words, str(kernel.folder))}
        found[source.path] = sorted(mutants.values(), key=lambda m: (m.start, m.end, m.new))
    return found


def draw(mutants: dict[str, list[syntax.Mutant]], sources: dict[str, scope.Source],
         seed: str) -> list[syntax.Mutant]:
    """All of them in an order by chance. Every beginning of it is a sample by file,
    in proportion to the lines. A mutant's place depends on nothing but the seed and
    its file, so that a change of one file leaves the sample of the others alone."""
    def place(mutant: syntax.Mutant) -> float:
        weight = len(sources[mutant.path].lines) / len(mutants[mutant.path])
        return random.Random(f"{seed} {mutant.id}").expovariate(weight)

    return sorted((m for found in mutants.values() for m in found), key=place)


def passed(results_of: list[tuple[str, str, bool]]) -> set[str]:
    """The names of the cases that have run, wherever they were not skipped."""
    return ({name for word, name, skipped in results_of if not skipped} -
            {name for word, name, skipped in results_of if skipped})


def machines(kernels: list[Kernel], known: dict[str, results.Result],
             explained: list[results.Equivalent]) -> list[Machine]:
    """Each good kernel is linked and run once in the way that the mutants are; where
    kernels come before it, once more with only the cases that those cannot run."""
    found: list[Machine] = []
    for kernel in kernels:
        kernel.make()
        kernel.add_selection("", [])
        machine = Machine(kernel, run_right(kernel, ""), explained=explained)
        before = set() if kernel.debug else set().union(*(passed(m.right.results) for m in found))
        if before:
            kernel.add_selection("rest", sorted(before & passed(machine.right.results)))
            machine.rest = run_right(kernel, "rest")
        machine.objects = {digest: r.id for r in known.values()
                           if is_real(r) and (digest := r.objects.get(kernel.arch))}
        found.append(machine)
    return found


def run_right(kernel: Kernel, selection: str) -> judge.Right:
    kernel.select(selection)
    kernel.link()
    right = judge.right(kernel.guest, kernel.out / f"right{selection}.log", kernel.guest_lock)
    right.kernel = kernel.linked()
    ran = sum(not skipped for _, _, skipped in right.results)
    print(f"the good kernel, {kernel.arch} {selection}: {ran} results in {right.seconds:.1f} s",
          file=sys.stderr, flush=True)
    return right


def copies(machine_set: list[Machine], jobs: int) -> list[list[Machine]]:
    """A set for each job. A kernel is copied; where guests take turns, one is enough."""
    sets = [machine_set]
    for job in range(2, jobs + 1):
        copied = []
        for machine in machine_set:
            old = machine.kernel
            out = old.out.with_name(f"{old.out.name}-{job}")
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(old.out, out, symlinks=True)
            guest = (out / "guest").read_text(encoding="utf-8").replace(f"{old.out}/", f"{out}/")
            (out / "guest").write_text(guest, encoding="utf-8")
            kernel = Kernel(old.arch, out, old.tree, old.lock)
            kernel.link_environment, kernel.selections = old.link_environment, old.selections
            copied.append(Machine(kernel, machine.right, machine.rest, machine.objects,
                                  machine.explained))
        sets.append(copied)
    return sets


def is_real(result: results.Result) -> bool:
    return result.verdict in ("found", "survived")


def run_all(order, trial: Trial, sets: list[list[Machine]], count: int) -> list[results.Result]:
    """Try them in this order, until so many of them were mutants."""
    free: queue.Queue[list[Machine]] = queue.Queue()
    for machine_set in sets:
        free.put(machine_set)
    done: dict[int, results.Result] = {}
    lock = threading.Lock()
    numbered = enumerate(order)

    def work() -> None:
        machine_set = free.get()
        while True:
            with lock:
                if count and sum(map(is_real, done.values())) >= count:
                    return
                number, mutant = next(numbered, (None, None))
            if mutant is None:
                return
            left = trial.open(mutant, machine_set)
            result = trial.run(mutant, left) if left else trial.known.get(mutant.id)
            if result is None:
                continue
            with lock:
                done[number] = result
            if left:
                print(f"{result.verdict:9}{result.seconds:6.1f} s  {result.path.rsplit('/pci/')[-1]}:"
                      f"{result.line} {result.function}: {result.kind}: {result.how[:110]}", flush=True)

    with ThreadPoolExecutor(len(sets)) as pool:
        for future in [pool.submit(work) for _ in sets]:
            future.result()
    found = []
    for number in sorted(done):
        if count and sum(map(is_real, found)) >= count:
            break
        found.append(done[number])
    return found


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test.run()
    args = arguments()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, judge.end_with)
    lock = os.environ.get("KIT_BUILD_LOCK", "")
    args.tree = args.tree.resolve()
    kernels = [Kernel(arch, Path(out).resolve(), args.tree, lock)
               for arch, out in (word.split("=", 1) for word in args.kernel)]
    sources = {s.path: s for s in scope.sources(args.tree, args.over.split(","))}
    mutants = {path: wanted(found, args.only) for path, found in all_mutants(list(sources.values()), kernels).items()}
    order = draw(mutants, sources, args.seed)
    if args.dry_run:
        for mutant in order[:args.count or None]:
            print(f"{mutant.id} {mutant.path}:{mutant.line} {mutant.function}: {mutant.kind}: "
                  f"{' '.join(mutant.new.split())[:60]}")
        print(f"{len(order)} mutants, some of which will not build or have the same object")
        return 0
    args.out.mkdir(parents=True, exist_ok=True)
    log = args.out / "results.jsonl"
    trial = Trial(log, tests_version(args.tree), sources, results.load(log))
    known = results.equivalents()
    sets = [] if args.report else copies(machines(kernels, trial.known, known), args.jobs)
    if args.report:
        done = [trial.known[m.id] for m in order if m.id in trial.known]
    else:
        # All on the first kernel, which is quick, before the survivors on the others.
        for number in range(1, len(kernels) + 1):
            done = run_all(order, trial, [s[:number] for s in sets], args.count)
    if args.guest and not args.report and page.survivors(done, known):
        last = guest.machine(args.guest, args.out / "guest", lock, trial.known, known)
        done = run_all(order, trial, [[last]], args.count)
    total = results.score(done, known)
    print("\n" + page.summary(done, known))
    title = f"seed {args.seed}, {args.over}, tests {trial.tests}"
    (args.out / "index.html").write_text(page.html(done, known, title), encoding="utf-8")
    print(f"page: {args.out / 'index.html'}")
    enough = total.percent >= args.floor and total.percent_of_all >= args.guest_floor
    return 0 if done and enough else 1


if __name__ == "__main__":
    sys.exit(main())
