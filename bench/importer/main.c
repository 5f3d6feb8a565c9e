// SPDX-License-Identifier: GPL-2.0-only
/*
 * Importers of DMABUFs for the benchmark: each lets go a time after it was told
 * to. iommufd, which the guest has too, lets go before its callback returns, so
 * it cannot show whether a revocation waits for its importers one after another
 * or for all of them together.
 *
 * A line written to /dev/kit_importer, "FD MILLISECONDS BDF", attaches the
 * device BDF to the DMABUF FD and maps it. All that a file has attached is
 * detached when the file is closed. Uses nothing of the core patch, so that it
 * does the same on the unpatched kernel.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

/**
 * struct importer - an importer of one DMABUF
 * @entry: in the list of its file
 * @pdev: the importing device, a reference is held
 * @dmabuf: the DMABUF, a reference is held
 * @attach: the attachment
 * @sgt: the mapping, NULL when not mapped; protected by the reservation lock
 * @delay: from being told to letting go, in jiffies
 * @work: lets go
 */
struct importer {
	struct list_head entry;
	struct pci_dev *pdev;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	unsigned long delay;
	struct delayed_work work;
};

/**
 * struct importers - those of one open file
 * @lock: protects @list
 * @list: of struct importer
 */
struct importers {
	struct mutex lock;	/* protects list */
	struct list_head list;
};

static void importer_let_go(struct importer *importer)
{
	dma_resv_lock(importer->dmabuf->resv, NULL);
	if (importer->sgt)
		dma_buf_unmap_attachment(importer->attach, importer->sgt,
					 DMA_BIDIRECTIONAL);
	importer->sgt = NULL;
	dma_resv_unlock(importer->dmabuf->resv);
}

static void importer_work(struct work_struct *work)
{
	importer_let_go(container_of(to_delayed_work(work), struct importer,
				     work));
}

static void importer_invalidate(struct dma_buf_attachment *attach)
{
	struct importer *importer = attach->importer_priv;

	schedule_delayed_work(&importer->work, importer->delay);
}

static const struct dma_buf_attach_ops importer_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = importer_invalidate,
};

static void importer_free(struct importer *importer)
{
	if (importer->attach) {
		importer_let_go(importer);
		/* Nobody calls importer_invalidate() after this. */
		dma_buf_detach(importer->dmabuf, importer->attach);
		cancel_delayed_work_sync(&importer->work);
	}
	if (importer->dmabuf)
		dma_buf_put(importer->dmabuf);
	pci_dev_put(importer->pdev);
	kfree(importer);
}

static struct pci_dev *find_device(const char *bdf)
{
	struct device *dev = bus_find_device_by_name(&pci_bus_type, NULL, bdf);

	return dev ? to_pci_dev(dev) : NULL;
}

static struct importer *importer_new(int fd, unsigned int ms, const char *bdf)
{
	struct dma_buf_attachment *attach;
	struct importer *importer;
	struct sg_table *sgt;
	int ret;

	importer = kzalloc_obj(*importer);
	if (!importer)
		return ERR_PTR(-ENOMEM);
	INIT_DELAYED_WORK(&importer->work, importer_work);
	importer->delay = msecs_to_jiffies(ms);
	importer->pdev = find_device(bdf);
	if (!importer->pdev) {
		ret = -ENODEV;
		goto err_free;
	}
	importer->dmabuf = dma_buf_get(fd);
	if (IS_ERR(importer->dmabuf)) {
		ret = PTR_ERR(importer->dmabuf);
		importer->dmabuf = NULL;
		goto err_free;
	}
	attach = dma_buf_dynamic_attach(importer->dmabuf, &importer->pdev->dev,
					&importer_ops, importer);
	if (IS_ERR(attach)) {
		ret = PTR_ERR(attach);
		goto err_free;
	}
	importer->attach = attach;

	dma_resv_lock(importer->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);
	if (!IS_ERR(sgt))
		importer->sgt = sgt;
	dma_resv_unlock(importer->dmabuf->resv);
	if (IS_ERR(sgt)) {
		ret = PTR_ERR(sgt);
		goto err_free;
	}
	return importer;

err_free:
	importer_free(importer);
	return ERR_PTR(ret);
}

static int importers_open(struct inode *inode, struct file *file)
{
	struct importers *importers = kzalloc_obj(*importers);

	if (!importers)
		return -ENOMEM;
	mutex_init(&importers->lock);
	INIT_LIST_HEAD(&importers->list);
	file->private_data = importers;
	return nonseekable_open(inode, file);
}

static int importers_release(struct inode *inode, struct file *file)
{
	struct importers *importers = file->private_data;
	struct importer *importer, *next;

	list_for_each_entry_safe(importer, next, &importers->list, entry)
		importer_free(importer);
	kfree(importers);
	return 0;
}

static ssize_t importers_write(struct file *file, const char __user *buf,
			       size_t count, loff_t *ppos)
{
	struct importers *importers = file->private_data;
	struct importer *importer;
	char line[64], bdf[32];
	unsigned int ms;
	int fd;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, count))
		return -EFAULT;
	line[count] = '\0';
	if (sscanf(line, "%d %u %31s", &fd, &ms, bdf) != 3)
		return -EINVAL;
	importer = importer_new(fd, ms, bdf);
	if (IS_ERR(importer))
		return PTR_ERR(importer);
	mutex_lock(&importers->lock);
	list_add_tail(&importer->entry, &importers->list);
	mutex_unlock(&importers->lock);
	return count;
}

static const struct file_operations importers_fops = {
	.owner = THIS_MODULE,
	.open = importers_open,
	.release = importers_release,
	.write = importers_write,
};

static struct miscdevice importers_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kit_importer",
	.fops = &importers_fops,
};

module_misc_device(importers_device);

MODULE_DESCRIPTION("Slow DMABUF importers for the VFIO kit's benchmark");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
