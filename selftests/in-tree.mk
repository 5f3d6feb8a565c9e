# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of BARs that are revoked. Each takes a BDF, as those of the folder above do, see
# ../scripts.
ARCH ?= $(shell uname -m)

ifeq (,$(filter $(ARCH),aarch64 arm64 x86 x86_64))
# Do nothing on unsupported architectures
include ../../lib.mk
else

TEST_GEN_PROGS := $(patsubst %.c,%,$(sort $(wildcard *_test.c)))

include ../../lib.mk
include ../lib/libvfio.mk

BAR_O := $(patsubst %.c,$(OUTPUT)/%.o,$(sort $(wildcard lib/*.c)))

CFLAGS += $(KHDR_INCLUDES) -std=gnu11 -O2 -MD -Wall -Werror
CFLAGS += -I$(top_srcdir)/tools/include -I$(selfdir) -Ilib
CFLAGS += $(EXTRA_CFLAGS)
LDFLAGS += -pthread

$(OUTPUT)/lib:
	mkdir -p $@

$(OUTPUT)/%.o: %.c | $(OUTPUT)/lib
	$(CC) $(CFLAGS) $(CPPFLAGS) $(TARGET_ARCH) -c $< -o $@

$(TEST_GEN_PROGS): $(OUTPUT)/%: $(OUTPUT)/%.o $(BAR_O) $(LIBVFIO_O)
	$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

TEST_DEP_FILES = $(patsubst %,%.d,$(TEST_GEN_PROGS)) $(patsubst %.o,%.d,$(BAR_O) $(LIBVFIO_O))
-include $(TEST_DEP_FILES)

EXTRA_CLEAN += $(patsubst %,%.o,$(TEST_GEN_PROGS)) $(OUTPUT)/lib $(TEST_DEP_FILES)

endif
