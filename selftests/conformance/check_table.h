/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checks that a cell can have: what is in the code, in the results and
 * shown to people. A new check is a new row here, and calls of check().
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * No include guard: who includes it defines what CHECK(id, name, title) becomes.
 */
CHECK(ZAP, "zap", "user PTEs are gone before the device is touched")
CHECK(ACCESS, "access", "accesses wait or fault while the BARs are revoked")
CHECK(REFAULT, "refault", "a fault maps the page again, with its contents")
CHECK(ORDER, "order", "zap, D0, revoke, touch, unrevoke: in the order of rule C3")
CHECK(EXPORTS, "exports", "mappings of exported DMABUFs go and come back with the others")
CHECK(IMPORTERS, "importers", "importers let go before the device is touched")
CHECK(MAPPING, "mapping", "mapped as zap_bars_on_revoke says")
CHECK(FLAGS, "flags", "mapped, written and exported as the region's flags and areas say")
CHECK(MSIX, "msix", "the MSI-X table and its pending bits are in regions that have them")
CHECK(HANDLERS, "handlers", "the driver tells the core of resets and errors")
CHECK(SILENT, "silent", "no kernel warning")

#undef CHECK
