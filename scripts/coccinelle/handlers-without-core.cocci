// SPDX-License-Identifier: GPL-2.0-only
/// A reset handler of the driver does not call the core's (V7).
///
/// The PCI core announces a reset by somebody else to the driver alone. If the
/// driver does not pass it on, the BARs stay mapped while the device is reset. An
/// early return that skips the call is as bad.

@prepare@
identifier H, f;
@@
struct pci_error_handlers H = { .reset_prepare = f, };

@no_prepare exists@
identifier prepare.f;
position p;
@@
f@p(...) { ... when != vfio_pci_core_reset_prepare(...)
}

@script:python@
f << prepare.f;
H << prepare.H;
p << no_prepare.p;
@@
coccilib.report.print_report(p[0], "V7: %s() is .reset_prepare of %s, and can return without a call of "
                             "vfio_pci_core_reset_prepare()" % (f, H))

@done@
identifier H, f;
@@
struct pci_error_handlers H = { .reset_done = f, };

@no_done exists@
identifier done.f;
position p;
@@
f@p(...) { ... when != vfio_pci_core_reset_done(...)
}

@script:python@
f << done.f;
H << done.H;
p << no_done.p;
@@
coccilib.report.print_report(p[0], "V7: %s() is .reset_done of %s, and can return without a call of "
                             "vfio_pci_core_reset_done()" % (f, H))
