// SPDX-License-Identifier: GPL-2.0-only
/// A driver's own reset and error handlers do not call the core's (V7).
///
/// The PCI core tells only the driver that is bound to a device when somebody
/// else resets it. If the driver does not pass that on, its BARs stay mapped.
/// A handler that calls the core's function on some of its paths only is no
/// better: what .reset_prepare has locked, .reset_done has to release.
//
// .slot_reset and .resume may be left out, and then the BARs stay inaccessible
// after a fatal error. Handlers of a PCI driver that registers no VFIO device,
// for example of a helper for the PF, are its own affair.

#include "include/reachable.cocci"

@initialize:python@
@@
tables = {}
slots = {}
drivers = {}
partial = {}
CORE = {
    "reset_prepare": "vfio_pci_core_reset_prepare",
    "reset_done": "vfio_pci_core_reset_done",
    "error_detected": "vfio_pci_core_aer_err_detected",
    "slot_reset": "vfio_pci_core_slot_reset",
    "resume": "vfio_pci_core_resume",
}

@table@
identifier T;
position p;
@@
struct pci_error_handlers T@p = { ..., };

@script:python@
T << table.T;
p << table.p;
@@
tables[str(T)] = p[0]

@slot@
identifier T, op, f;
position p;
@@
struct pci_error_handlers T = { .op = f@p, };

@script:python@
T << slot.T;
op << slot.op;
f << slot.f;
p << slot.p;
@@
slots.setdefault(str(T), {})[str(op)] = (str(f), p[0])

@driver@
identifier D;
position p;
@@
struct pci_driver D@p = { ..., };

@script:python@
D << driver.D;
p << driver.p;
@@
drivers.setdefault(str(D), {})["at"] = p[0]

@driver_field@
identifier D, op, v;
@@
struct pci_driver D = { .op = \(v\|&v\), };

@script:python@
D << driver_field.D;
op << driver_field.op;
v << driver_field.v;
@@
drivers.setdefault(str(D), {})[str(op)] = str(v)

@direct@
identifier F;
identifier C =~ "^vfio_pci_core_(reset_prepare|reset_done|aer_err_detected|slot_reset|resume)$";
@@
F(...) {
<+... C(...) ...+>
}

@skips exists@
identifier direct.F, direct.C;
position p;
@@
F@p(...) {
... when != C(...)
}

@script:python@
F << direct.F;
C << direct.C;
p << skips.p;
@@
partial[str(F), str(C)] = p[0]

@finalize:python@
@@
def registers(driver):
    """May the driver register a VFIO device? Without its probe, who knows."""
    probe = driver.get("probe")
    return probe not in mentions or "vfio_pci_core_register_device" in closure([probe])

ours = [d for d in drivers.values() if registers(d)]
others = {d.get("err_handler") for d in drivers.values()} - {d.get("err_handler") for d in ours}
for name, driver in drivers.items():
    if driver in ours and "err_handler" not in driver:
        coccilib.report.print_report(driver["at"], "V7: %s has no .err_handler: without one, nobody tells the core of a "
                                     "reset; use &vfio_pci_core_err_handlers" % name)
for name, at in tables.items():
    if name in others:
        continue
    have = slots.get(name, {})
    missing = [op for op in ("reset_prepare", "reset_done", "error_detected") if op not in have]
    if missing:
        coccilib.report.print_report(at, "V7: %s lacks %s" % (name, ", ".join(
            ".%s = %s" % (op, CORE[op]) for op in missing)))
    for op, (f, at_slot) in have.items():
        if op not in CORE:
            continue
        below = closure([f])
        if CORE[op] not in below:
            coccilib.report.print_report(at_slot, "V7: %s: %s() does not call %s()" % (name, f, CORE[op]))
        for g in below:
            if (g, CORE[op]) in partial:
                coccilib.report.print_report(partial[g, CORE[op]], "V7: %s() can return without %s(): an early return "
                                             "must not skip it" % (g, CORE[op]))
