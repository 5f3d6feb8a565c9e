// SPDX-License-Identifier: GPL-2.0-only
/// A driver clears zap_bars_on_revoke and installs PFNs by hand (C5, V3, V6).
///
/// These PTEs are in the device's own address_space, which a driver that opts
/// out asks the core not to zap. Keep the flag, or map through
/// vfio_pci_core_mmap(), vfio_pci_core_mmap_ranges() and _memory() only.

#include "include/reachable.cocci"

@initialize:python@
@@
cleared = []
installed = []

@clear@
symbol false;
expression E;
position p;
@@
(
E->zap_bars_on_revoke@p = \(false\|0\)
|
E.zap_bars_on_revoke@p = \(false\|0\)
)

@script:python@
p << clear.p;
@@
cleared.extend(p)

@install@
identifier pfns =~ "^((io_)?remap_pfn_range(_notrack)?|vm_iomap_memory|(vfio_pci_)?vmf?_insert_(pfn|mixed|page)[a-z_]*|vfio_pci_core_remap_pfn_range)$";
position p;
@@
pfns@p(...)

@script:python@
p << install.p;
pfns << install.pfns;
@@
installed.extend((at, pfns) for at in p)

@finalize:python@
@@
installed = [(at, pfns) for at, pfns in installed if reached(at.current_element)]
if installed:
    for at in cleared:
        coccilib.report.print_report(at, "C5, V3: opted out of zap_bars_on_revoke, but %s() at %s:%s "
                                     "puts PFNs into the device's address_space; leave the flag alone"
                                     % (installed[0][1], installed[0][0].file, installed[0][0].line))
