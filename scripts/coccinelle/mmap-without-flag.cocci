// SPDX-License-Identifier: GPL-2.0-only
/// A driver sets .mmap and says nothing about zap_bars_on_revoke (C4, V2-V6).
///
/// Nothing is wrong with the default, but which of V2 to V6 the driver is has
/// to be decided, and the next reader wants to know. A comment is enough: why
/// the flag stays. A driver of kind V2 or V5 clears it.

@initialize:python@
@@
import glob
import os

def folder_text(path):
    """All of the driver's own C files."""
    text = ""
    for name in glob.glob(os.path.join(os.path.dirname(path) or ".", "*.[ch]")):
        if os.path.basename(name).endswith("_kunit.c"):
            continue
        # The examples in tests/ are drivers of one file each.
        if os.environ.get("KIT_LINT_SINGLE") and not os.path.samefile(name, path):
            continue
        with open(name, encoding="utf-8", errors="replace") as f:
            text += f.read()
    return text

@ops@
identifier O, f;
position p;
@@
struct vfio_device_ops O@p = { .mmap = f, };

@script:python@
O << ops.O;
f << ops.f;
p << ops.p;
@@
text = folder_text(p[0].file)
if f != "vfio_pci_core_mmap" and "vfio_pci_core" in text and "zap_bars_on_revoke" not in text:
    coccilib.report.print_report(p[0], "C4: %s sets .mmap, and nothing is said of zap_bars_on_revoke: "
                                 "clear it (V2, V5), or say in a comment why it stays (V3, V4, V6)" % O)
