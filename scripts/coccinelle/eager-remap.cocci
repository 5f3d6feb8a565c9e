// SPDX-License-Identifier: GPL-2.0-only
/// A driver calls remap_pfn_range() itself (V4).
///
/// A VMA enters the address_space only after .mmap has returned, so that a
/// revocation in between does not see the PTEs, and they survive into the
/// reset. vfio_pci_core_remap_pfn_range() waits for the right moment.

@remap@
identifier pfns =~ "^((io_)?remap_pfn_range(_notrack)?|vm_iomap_memory)$";
position p;
@@
pfns@p(...)

@script:python@
p << remap.p;
pfns << remap.pfns;
@@
for at in p:
    coccilib.report.print_report(at, "V4: %s() in a driver: a revocation may not see its PTEs; "
                                 "use vfio_pci_core_remap_pfn_range()" % pfns)
