// SPDX-License-Identifier: GPL-2.0-only
/// zap_bars_on_revoke is written when the device has been registered (C4).
///
/// From registration on a hot reset by way of another device of the set may
/// look at it, and it shares a word with bits that others write. The place to
/// opt out is between vfio_alloc_device() and vfio_pci_core_register_device().
//
// Three ways to be late: below the registration in the same function, in a
// function that is called there, and in a callback of the registered device.

@initialize:python@
@@
writes = {}
late = {}
MESSAGE = ("C4: zap_bars_on_revoke is written %s; write it between "
           "vfio_alloc_device() and vfio_pci_core_register_device()")

@write@
identifier F;
expression E, V;
position p;
@@
F(...) {
<+...
(
E->zap_bars_on_revoke@p = V
|
E.zap_bars_on_revoke@p = V
)
...+>
}

@script:python@
F << write.F;
p << write.p;
@@
writes.setdefault(F, []).extend(p)

@below exists@
expression E, V;
position p;
@@
vfio_pci_core_register_device(...)
...
(
E->zap_bars_on_revoke@p = V
|
E.zap_bars_on_revoke@p = V
)

@script:python@
p << below.p;
@@
for at in p:
    coccilib.report.print_report(at, MESSAGE % "after the registration")

@called exists@
identifier G;
@@
vfio_pci_core_register_device(...)
...
G(...)

@script:python@
G << called.G;
@@
late[G] = "in a function that is called after the registration"

@callback@
identifier T =~ "^(vfio_device_ops|pci_error_handlers|vfio_pci_(regops|device_ops))$";
identifier O, op, f;
@@
struct T O = { .op = f, };

@script:python@
f << callback.f;
op << callback.op;
@@
if str(op) not in ("init", "release"):
    late[f] = "in a callback (.%s) of the registered device" % op

@finalize:python@
@@
for name, where in sorted(late.items()):
    for at in writes.get(name, ()):
        coccilib.report.print_report(at, MESSAGE % where)
