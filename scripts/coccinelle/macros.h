/* SPDX-License-Identifier: GPL-2.0-only */
/* What spatch has to be told, with --macro-file: these are like loops. */
#define scoped_guard(class, lock) YACFE_ITERATOR
#define scoped_cond_guard(class, fail, lock) YACFE_ITERATOR
