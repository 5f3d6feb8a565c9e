#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Show which lines and branches of the variants KUnit's guests have run.

usage: coverage.py collect KTAP OBJECTS
       coverage.py table VARIANTS NAME=GCOV...

collect takes the coverage data out of the console of a guest and writes them as
OBJECTS/VARIANT/main.gcda. table prints a line for each driver and guest, one for
all guests together, and the lines that none has run. GCOV is the folder with the
annotated sources of the guest NAME, VARIANT.main.c.gcov.

Exit status: 0; collect: 1 if the data are incomplete; table: 1 if a line was
never run.
"""

import os
import re
import sys

# File, its length, where this is in it, the bytes.
DATA = re.compile(r"vpk-gcov /variants/([\w-]+)/main\.gcda (\d+) (\d+) ([0-9a-f]*)")
LINE = re.compile(r" *([0-9#=-]+)\*?: *([0-9]+):(.*)")
BRANCH = re.compile(r"branch +[0-9]+ (never executed|taken ([0-9]+)%)")


def collect(ktap, objects):
    """The guest prints its data in pieces."""
    data, want = {}, {}
    with open(ktap, encoding="utf-8", errors="replace") as file:
        for name, length, position, octets in DATA.findall(file.read()):
            got = data.setdefault(name, b"")
            want[name] = int(length)
            if int(position) != len(got):
                sys.exit(f"coverage data of {name} are incomplete at {len(got)}")
            data[name] = got + bytes.fromhex(octets)
    for name, got in data.items():
        if len(got) != want[name]:
            sys.exit(f"coverage data of {name} end at {len(got)} of {want[name]}")
        with open(f"{objects}/{name}/main.gcda", "wb") as file:
            file.write(got)


def read(path):
    """Lines and their counts; branches evaluated, taken, all.

    One line of the source is one line, in however many functions gcov has it.
    """
    lines, branches, taken, total = {}, 0, 0, 0
    with open(path, encoding="utf-8") as file:
        for text in file:
            m = LINE.match(text)
            if m and m[1] != "-" and m[2] != "0":
                count = int(m[1]) if m[1].isdigit() else 0
                lines[int(m[2])] = max(count, lines.get(int(m[2]), (0, ""))[0]), m[3]
            m = BRANCH.match(text)
            if m:
                total += 1
                branches += m[2] is not None
                taken += m[2] not in (None, "0")
    return lines, branches, taken, total


def percent(part, whole):
    return f"{100 * part / whole:6.2f}% of {whole}" if whole else "none"


def table(variants, guests):
    """Print it; 1 if a line was never run."""
    bad = 0
    print(f"{'':10} {'':9} {'lines run':>16}   {'branches seen':>16}   {'branches taken':>16}")
    for name in sorted(os.listdir(variants)):
        if not os.path.exists(f"{variants}/{name}/main.c"):
            continue
        both = {}
        for guest, gcov in (arg.split("=", 1) for arg in guests):
            lines, branches, taken, total = read(f"{gcov}/{name}.main.c.gcov")
            for number, (count, text) in lines.items():
                both[number] = both.get(number, (0, ""))[0] + count, text
            print(f"{name:10} {guest:9} {percent(sum(c > 0 for c, _ in lines.values()), len(lines)):>16}"
                  f"   {percent(branches, total):>16}   {percent(taken, total):>16}")
        run = sum(c > 0 for c, _ in both.values())
        print(f"{name:10} {'together':9} {percent(run, len(both)):>16}")
        for number, (count, text) in sorted(both.items()):
            if not count:
                bad = 1
                print(f"  never run: variants/{name}/main.c:{number}: {text.strip()}")
    return bad


def main(argv):
    if argv[1:2] == ["collect"] and len(argv) == 4:
        return collect(*argv[2:])
    if argv[1:2] == ["table"] and len(argv) > 3:
        return table(argv[2], argv[3:])
    print(__doc__.strip())
    return 0 if "--help" in argv else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
