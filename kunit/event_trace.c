// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core says about zapping, revoking and unrevoking, by its
 * tracepoints (rule C9), goes into the event log.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <trace/events/vfio_pci.h>

#include "vfio_pci_kunit.h"

static void vpk_trace_log(struct vpk_host *host, struct pci_dev *pdev,
			  enum vpk_event_type type, u32 a, u32 b)
{
	struct vpk_function *fn = vpk_function_of(pdev);

	if (fn && fn->host == host)
		vpk_log(host, type, fn->nr, a, b);
}

static void vpk_trace_zap(void *host, struct pci_dev *pdev,
			  bool device_space, unsigned int dmabufs)
{
	vpk_trace_log(host, pdev, VPK_ZAP, device_space, dmabufs);
}

static void vpk_trace_revoke(void *host, struct pci_dev *pdev,
			     unsigned int revoked, unsigned int waited)
{
	vpk_trace_log(host, pdev, VPK_REVOKE, revoked, waited);
}

static void vpk_trace_unrevoke(void *host, struct pci_dev *pdev,
			       unsigned int unrevoked)
{
	vpk_trace_log(host, pdev, VPK_UNREVOKE, unrevoked, 0);
}

/**
 * vpk_trace_events() - which events the core's tracepoints give
 *
 * Return: bits of &enum vpk_event_type.
 */
u32 vpk_trace_events(void)
{
	return VPK_ZAP | VPK_REVOKE | VPK_UNREVOKE;
}

/**
 * vpk_trace_start() - log the core's tracepoints
 * @host: whose functions, and whose log
 *
 * Context: process context.
 * Return: 0, or what registering a tracepoint probe failed with.
 */
int vpk_trace_start(struct vpk_host *host)
{
	int ret;

	ret = register_trace_vfio_pci_zap_bars(vpk_trace_zap, host);
	if (ret)
		return ret;
	ret = register_trace_vfio_pci_revoke_dmabufs(vpk_trace_revoke, host);
	if (ret)
		goto out_zap;
	ret = register_trace_vfio_pci_unrevoke_bars(vpk_trace_unrevoke, host);
	if (ret)
		goto out_revoke;
	return 0;

out_revoke:
	unregister_trace_vfio_pci_revoke_dmabufs(vpk_trace_revoke, host);
out_zap:
	unregister_trace_vfio_pci_zap_bars(vpk_trace_zap, host);
	return ret;
}

/**
 * vpk_trace_stop() - undo vpk_trace_start()
 * @host: whose log
 *
 * Context: process context; waits for probes that run.
 */
void vpk_trace_stop(struct vpk_host *host)
{
	unregister_trace_vfio_pci_unrevoke_bars(vpk_trace_unrevoke, host);
	unregister_trace_vfio_pci_revoke_dmabufs(vpk_trace_revoke, host);
	unregister_trace_vfio_pci_zap_bars(vpk_trace_zap, host);
	tracepoint_synchronize_unregister();
}
