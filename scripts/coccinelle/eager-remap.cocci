// SPDX-License-Identifier: GPL-2.0-only
/// A driver calls remap_pfn_range() itself (V4, in a fault handler V3).
///
/// A VMA enters the address_space only after .mmap has returned, so that a
/// revocation in between does not see the PTEs, and they survive into the
/// reset. vfio_pci_core_remap_pfn_range() waits for the right moment.
///
/// Neither function belongs into a fault handler. remap_pfn_range() changes the
/// flags of the VMA, for which mmap_lock has to be held for write, and a fault
/// holds it for read, or the VMA's lock only.

#include "include/reachable.cocci"

@initialize:python@
@@
calls = []
MMAP = "a revocation may not see its PTEs; use vfio_pci_core_remap_pfn_range()"
FAULT = ("it wants mmap_lock for write; insert the page that is touched, with "
         "vfio_pci_core_fault_lock() and vfio_pci_vmf_insert_pfn()")

@remap@
identifier pfns =~ "^((io_)?remap_pfn_range(_notrack)?|vm_iomap_memory)$";
position p;
@@
pfns@p(...)

@script:python@
p << remap.p;
pfns << remap.pfns;
@@
calls.extend((at, str(pfns)) for at in p)

@finalize:python@
@@
in_fault = closure(fault_handlers)
in_mmap = closure(vfio_roots(), {"vm_operations_struct"})
for at, pfns in calls:
    if at.current_element in in_fault:
        text = "V3: %s() in a fault handler: %s" % (pfns, FAULT)
        if at.current_element in in_mmap:
            text += ", and in .mmap use vfio_pci_core_remap_pfn_range()"
    else:
        text = "V4: %s() in a driver: %s" % (pfns, MMAP)
    report_reached([(at, text)])
