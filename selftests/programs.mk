# SPDX-License-Identifier: GPL-2.0-only
#
# How a program for the guest is built, static, on the libvfio of the kernel's
# selftests. Included by selftests/Makefile:
#
#	SELFTESTS	this folder
#	objects FOLDER	the objects of all its files, in OUTPUT

ifeq ($(KSRC),)
$(error KSRC= is the kernel tree whose selftests library is used)
endif
ifeq ($(OUTPUT),)
$(error OUTPUT= is the folder to build in)
endif

SELFTESTS := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
HDR	:= $(OUTPUT)/usr/include
CC	?= gcc

$(HDR)/.installed: $(KSRC)/include/uapi/linux/vfio.h $(KSRC)/include/uapi/linux/iommufd.h
	+$(MAKE) -C $(KSRC) O=$(abspath $(OUTPUT)/hdr) ARCH=$(shell uname -m) \
		INSTALL_HDR_PATH=$(abspath $(OUTPUT)/usr) headers_install
	touch $@

# The kernel's library, by its own rules.
top_srcdir := $(KSRC)
selfdir	:= $(KSRC)/tools/testing/selftests
CFLAGS	:= -O2 -Wall -D_GNU_SOURCE -std=gnu11 -isystem $(HDR) -I$(KSRC)/tools/include \
	-I$(selfdir) -I$(SELFTESTS)/lib -MD
include $(selfdir)/vfio/lib/libvfio.mk
$(LIBVFIO_O): $(HDR)/.installed

$(OUTPUT)/%.o: %.c $(HDR)/.installed
	mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wextra $(addprefix -Wno-,unused-parameter sign-compare missing-field-initializers) -c $< -o $@

link	= $(CC) -static -pthread $^ $(LDLIBS) -o $@
objects	= $(patsubst %.c,$(OUTPUT)/%.o,$(sort $(wildcard $(1)/*.c)))

-include $(wildcard $(OUTPUT)/*.d $(OUTPUT)/*/*.d $(LIBVFIO_O:.o=.d))
