// SPDX-License-Identifier: GPL-2.0-only
/// PFNs are installed by hand for a region that is no BAR (V3).
///
/// In the device's address_space the core zaps the offsets of regions 0 to 5,
/// and no others: PTEs of a region of the driver's own survive every
/// revocation. Back it with a DMABUF, or show the memory as a BAR that the
/// device does not have.
//
// Known for certain of two kinds of code only: the .mmap of a region's ops, with
// the fault handlers that it sets, and what is done if the index is that of a
// region behind the standard ones.

#include "include/reachable.cocci"

@initialize:python@
@@
region_mmap = set()
installs = {}
vm_ops_of = {}
handlers = {}
behind_calls = []
MESSAGE = ("V3: %s() for a region that is not one of 0 to 5: no revocation zaps its PTEs; "
           "use vfio_pci_core_mmap_ranges()")

@regops@
identifier O, f;
@@
struct vfio_pci_regops O = { .mmap = f, };

@script:python@
f << regops.f;
@@
region_mmap.add(str(f))

@install@
identifier F;
identifier pfns =~ "^((io_)?remap_pfn_range(_notrack)?|vm_iomap_memory|(vfio_pci_)?vmf?_insert_(pfn|mixed|page)[a-z_]*|vfio_pci_core_remap_pfn_range)$";
position p;
@@
F(...) {
<+... pfns@p(...) ...+>
}

@script:python@
F << install.F;
p << install.p;
pfns << install.pfns;
@@
installs.setdefault(str(F), []).extend((at, str(pfns)) for at in p)

@sets@
identifier F, V;
expression vma;
@@
F(...) {
<+... vma->vm_ops = &V; ...+>
}

@script:python@
F << sets.F;
V << sets.V;
@@
vm_ops_of.setdefault(str(F), set()).add(str(V))

@handler@
identifier V, op, f;
@@
struct vm_operations_struct V = { .op = f, };

@script:python@
V << handler.V;
f << handler.f;
@@
handlers.setdefault(str(V), set()).add(str(f))

@behind@
identifier pfns =~ "^((io_)?remap_pfn_range(_notrack)?|vm_iomap_memory|(vfio_pci_)?vmf?_insert_(pfn|mixed|page)[a-z_]*|vfio_pci_core_remap_pfn_range)$";
expression index;
position p;
@@
(
if (\(index >= VFIO_PCI_NUM_REGIONS\|index == VFIO_PCI_NUM_REGIONS\|index >= VFIO_PCI_ROM_REGION_INDEX\|index == VFIO_PCI_ROM_REGION_INDEX\))
	return pfns@p(...);
|
if (\(index >= VFIO_PCI_NUM_REGIONS\|index == VFIO_PCI_NUM_REGIONS\|index >= VFIO_PCI_ROM_REGION_INDEX\|index == VFIO_PCI_ROM_REGION_INDEX\)) {
<+... pfns@p(...) ...+>
}
)

@script:python@
p << behind.p;
pfns << behind.pfns;
@@
behind_calls.extend((at, MESSAGE % pfns) for at in p)

@finalize:python@
@@
report_reached(behind_calls)
wrong = set(region_mmap)
for f in region_mmap:
    for ops in vm_ops_of.get(f, ()):
        wrong |= handlers.get(ops, set())
for f in wrong:
    for at, pfns in installs.get(f, ()):
        coccilib.report.print_report(at, MESSAGE % pfns)
