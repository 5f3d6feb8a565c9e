// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: the migration states and the data files.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * What is saved and restored is the shown part of the BAR. The device does no
 * DMA and has no other state.
 *
 * Locks, outer first:
 *
 *   memory_lock -> state_mutex
 *   lock of a data file -> what a fault takes, which may be memory_lock
 *
 * A transition accesses the device, and enables its memory for that time if the
 * user has not, so it needs memory_lock for write. A reset calls .reset_prepare
 * and .reset_done with memory_lock held for write, and both take state_mutex. So
 * whoever needs both takes memory_lock first, and nobody waits for memory_lock
 * with state_mutex held. A reset therefore waits for the transition that is under
 * way, and need not be deferred. That rests on the core, which holds memory_lock
 * in every reset, whoever starts it (rule C11). On a kernel where only VFIO's own
 * resets hold memory_lock, .reset_done could run in the middle of a transition.
 *
 * The lock of a data file is held around copies to and from user memory. The
 * buffer may be a mapping of a BAR, and then the copy waits for the end of a
 * reset. So nothing that runs with memory_lock or state_mutex held may wait for
 * the lock of a data file. Such code changes only the file's phase, without the
 * lock, and when RESUMING ends it tries the lock.
 */
#include <linux/anon_inodes.h>
#include <linux/crc32.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/wait.h>

#include "migration.h"

/* The first register behind the state: what the device may do. */
#define MIGRATION_CTRL		0
#define MIGRATION_CTRL_RUN	0	/* everything; also after a reset */
#define MIGRATION_CTRL_QUIESCE	1	/* no DMA to other devices */
#define MIGRATION_CTRL_STOP	2	/* nothing */

#define MIGRATION_MAGIC		0x4d4b5650	/* "PVKM" */
#define MIGRATION_VERSION	1

/**
 * struct migration_vfio_header - what a stream begins with
 * @magic: MIGRATION_MAGIC
 * @version: of the format, and of the state
 * @length: of the state
 *
 * The state follows, and then the CRC32 of all that is before it (__le32). The
 * header is all that is known of the state in PRE_COPY, where the device still
 * runs. It goes ahead, so that a device that cannot take the state refuses it
 * before the source is stopped. That is why the checksum is not in it.
 */
struct migration_vfio_header {
	__le32 magic;
	__le32 version;
	__le64 length;
};

/**
 * enum migration_vfio_phase - what can be done with a data file
 * @MIGRATION_FILE_PRE_COPY: the header can be read, more will follow
 * @MIGRATION_FILE_COMPLETE: all of it can be read, or written
 * @MIGRATION_FILE_ENDED: nothing any more
 */
enum migration_vfio_phase {
	MIGRATION_FILE_PRE_COPY,
	MIGRATION_FILE_COMPLETE,
	MIGRATION_FILE_ENDED,
};

/**
 * struct migration_vfio_file - a data file, and its stream
 * @mdev: the device, with a reference: the file may outlive it
 * @file: the file; the device has a reference while it knows the file
 * @phase: enum migration_vfio_phase; written with state_mutex held, and read
 *	without it
 * @wait: for a change of @phase
 * @lock: protects @pos, and @data of a file that is written
 * @pos: how much has been read or written
 * @size: of the whole stream
 * @data: the stream. Of a file that is read, what @phase lets out does not
 *	change any more.
 */
struct migration_vfio_file {
	struct migration_vfio_device *mdev;
	struct file *file;
	enum migration_vfio_phase phase;
	wait_queue_head_t wait;
	struct mutex lock;	/* see @lock above */
	size_t pos;
	size_t size;
	u8 *data;
};

static size_t migration_vfio_stream_size(struct migration_vfio_device *mdev)
{
	return sizeof(struct migration_vfio_header) + mdev->shown +
	       sizeof(__le32);
}

static enum migration_vfio_phase
migration_vfio_phase(struct migration_vfio_file *migf)
{
	/* Pairs with the store in migration_vfio_set_phase() */
	return smp_load_acquire(&migf->phase);
}

/* The data that the new phase lets out is complete. */
static void migration_vfio_set_phase(struct migration_vfio_file *migf,
				     enum migration_vfio_phase phase)
{
	lockdep_assert_held(&migf->mdev->state_mutex);

	/* Pairs with the load in migration_vfio_phase() */
	smp_store_release(&migf->phase, phase);
	wake_up_all(&migf->wait);
}

/* How much of the stream there is to read. */
static size_t migration_vfio_available(struct migration_vfio_file *migf,
				       enum migration_vfio_phase phase)
{
	if (phase == MIGRATION_FILE_PRE_COPY)
		return sizeof(struct migration_vfio_header);
	return migf->size;
}

static ssize_t migration_vfio_save_read(struct file *file, char __user *buf,
					size_t count, loff_t *ppos)
{
	struct migration_vfio_file *migf = file->private_data;
	enum migration_vfio_phase phase;
	size_t len;

	/* The file is a stream, it has no position. */
	if (ppos)
		return -ESPIPE;

	guard(mutex)(&migf->lock);
	phase = migration_vfio_phase(migf);
	if (phase == MIGRATION_FILE_ENDED)
		return -ENODEV;

	len = migration_vfio_available(migf, phase) - migf->pos;
	/* The end of what there is in PRE_COPY is not the end of the stream. */
	if (!len && phase == MIGRATION_FILE_PRE_COPY)
		return -ENOMSG;
	len = min(len, count);
	if (copy_to_user(buf, migf->data + migf->pos, len))
		return -EFAULT;
	migf->pos += len;
	return len;
}

static __poll_t migration_vfio_save_poll(struct file *file,
					 struct poll_table_struct *wait)
{
	struct migration_vfio_file *migf = file->private_data;
	enum migration_vfio_phase phase;

	poll_wait(file, &migf->wait, wait);

	guard(mutex)(&migf->lock);
	phase = migration_vfio_phase(migf);
	if (phase == MIGRATION_FILE_ENDED)
		return EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (phase == MIGRATION_FILE_PRE_COPY &&
	    migf->pos == migration_vfio_available(migf, phase))
		return 0;
	return EPOLLIN | EPOLLRDNORM;
}

/*
 * VFIO_MIG_GET_PRECOPY_INFO. initial_bytes is the header. The device does not
 * track what changes, so there are no dirty_bytes, and all of the state waits
 * for STOP_COPY.
 *
 * vfio_check_precopy_ioctl() clears the flags if the user has asked for
 * VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2. Then a driver may set
 * VFIO_PRECOPY_INFO_REINIT, to say that there is initial data again. Here there
 * never is: the header does not change.
 */
static long migration_vfio_save_ioctl(struct file *file, unsigned int cmd,
				      unsigned long arg)
{
	struct migration_vfio_file *migf = file->private_data;
	struct vfio_precopy_info info = {};
	enum migration_vfio_phase phase;
	int ret;

	ret = vfio_check_precopy_ioctl(&migf->mdev->core_device.vdev, cmd, arg,
				       &info);
	if (ret)
		return ret;

	scoped_guard(mutex, &migf->lock) {
		phase = migration_vfio_phase(migf);
		if (phase == MIGRATION_FILE_ENDED)
			return -ENODEV;
		if (phase != MIGRATION_FILE_PRE_COPY)
			return -EINVAL;
		info.initial_bytes = migration_vfio_available(migf, phase) -
				     migf->pos;
		info.dirty_bytes = 0;
	}
	if (copy_to_user((void __user *)arg, &info,
			 offsetofend(struct vfio_precopy_info, dirty_bytes)))
		return -EFAULT;
	return 0;
}

/* The last reference is gone: the device's is dropped with the session. */
static int migration_vfio_release_file(struct inode *inode, struct file *file)
{
	struct migration_vfio_file *migf = file->private_data;

	vfio_put_device(&migf->mdev->core_device.vdev);
	mutex_destroy(&migf->lock);
	kvfree(migf->data);
	kfree(migf);
	return 0;
}

static const struct file_operations migration_vfio_save_fops = {
	.owner = THIS_MODULE,
	.read = migration_vfio_save_read,
	.poll = migration_vfio_save_poll,
	.unlocked_ioctl = migration_vfio_save_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = migration_vfio_release_file,
};

/* Can this device take a state with that header? */
static int migration_vfio_check_header(struct migration_vfio_file *migf)
{
	struct migration_vfio_header *header = (void *)migf->data;

	if (le32_to_cpu(header->magic) != MIGRATION_MAGIC ||
	    le32_to_cpu(header->version) != MIGRATION_VERSION ||
	    le64_to_cpu(header->length) != migf->mdev->shown)
		return -EINVAL;
	return 0;
}

static ssize_t migration_vfio_resume_write(struct file *file,
					   const char __user *buf,
					   size_t count, loff_t *ppos)
{
	struct migration_vfio_file *migf = file->private_data;
	int ret;

	if (ppos)
		return -ESPIPE;

	guard(mutex)(&migf->lock);
	if (migration_vfio_phase(migf) == MIGRATION_FILE_ENDED)
		return -ENODEV;
	if (count > migf->size - migf->pos)
		return -EINVAL;
	if (copy_from_user(migf->data + migf->pos, buf, count))
		return -EFAULT;

	/* What is wrong with the header is said early, see its struct. */
	if (migf->pos + count >= sizeof(struct migration_vfio_header)) {
		ret = migration_vfio_check_header(migf);
		if (ret)
			return ret;
	}
	migf->pos += count;
	return count;
}

static const struct file_operations migration_vfio_resume_fops = {
	.owner = THIS_MODULE,
	.write = migration_vfio_resume_write,
	.release = migration_vfio_release_file,
};

/*
 * A new data file, with one reference. All memory is allocated here, so that
 * nothing can fail in the transitions that follow.
 */
static struct migration_vfio_file *
migration_vfio_open_file(struct migration_vfio_device *mdev,
			 const struct file_operations *fops, int flags)
{
	struct migration_vfio_file *migf;
	int ret;

	migf = kzalloc_obj(*migf, GFP_KERNEL_ACCOUNT);
	if (!migf)
		return ERR_PTR(-ENOMEM);
	migf->size = migration_vfio_stream_size(mdev);
	migf->data = kvzalloc(migf->size, GFP_KERNEL_ACCOUNT);
	if (!migf->data) {
		ret = -ENOMEM;
		goto err_free;
	}
	migf->file = anon_inode_getfile("migration-vfio-pci", fops, migf,
					flags);
	if (IS_ERR(migf->file)) {
		ret = PTR_ERR(migf->file);
		goto err_free_data;
	}
	stream_open(migf->file->f_inode, migf->file);
	mutex_init(&migf->lock);
	init_waitqueue_head(&migf->wait);
	/*
	 * The user can close and unbind the device, and still have the file. A
	 * reference to the device does not get in the way of that. It only
	 * keeps the memory, which the file's ioctl looks at.
	 */
	get_device(&mdev->core_device.vdev.device);
	migf->mdev = mdev;
	return migf;

err_free_data:
	kvfree(migf->data);
err_free:
	kfree(migf);
	return ERR_PTR(ret);
}

/* PRE_COPY, or STOP_COPY without it, begins. A reference is the caller's. */
static struct file *migration_vfio_begin_saving(struct migration_vfio_device *mdev)
{
	struct migration_vfio_header *header;
	struct migration_vfio_file *migf;

	migf = migration_vfio_open_file(mdev, &migration_vfio_save_fops,
					O_RDONLY);
	if (IS_ERR(migf))
		return ERR_CAST(migf);

	header = (void *)migf->data;
	header->magic = cpu_to_le32(MIGRATION_MAGIC);
	header->version = cpu_to_le32(MIGRATION_VERSION);
	header->length = cpu_to_le64(mdev->shown);
	migration_vfio_set_phase(migf, MIGRATION_FILE_PRE_COPY);

	mdev->saving = migf;
	return get_file(migf->file);
}

static struct file *
migration_vfio_begin_resuming(struct migration_vfio_device *mdev)
{
	struct migration_vfio_file *migf;

	migf = migration_vfio_open_file(mdev, &migration_vfio_resume_fops,
					O_WRONLY);
	if (IS_ERR(migf))
		return ERR_CAST(migf);

	migration_vfio_set_phase(migf, MIGRATION_FILE_COMPLETE);
	mdev->resuming = migf;
	return get_file(migf->file);
}

/* What user space still has of the file returns errors from now on. */
static void migration_vfio_end_file(struct migration_vfio_file **migfp)
{
	struct migration_vfio_file *migf = *migfp;

	if (!migf)
		return;
	migration_vfio_set_phase(migf, MIGRATION_FILE_ENDED);
	*migfp = NULL;
	fput(migf->file);
}

static void migration_vfio_end_files(struct migration_vfio_device *mdev)
{
	lockdep_assert_held(&mdev->state_mutex);

	migration_vfio_end_file(&mdev->saving);
	migration_vfio_end_file(&mdev->resuming);
}

/* The device is open, so its BAR is mapped: open_device has made sure of that. */
static void __iomem *migration_vfio_io(struct migration_vfio_device *mdev)
{
	lockdep_assert_held(&mdev->core_device.memory_lock);

	return vfio_pci_core_get_iomap(&mdev->core_device, mdev->bar);
}

/* Tell the device what it may do. */
static void migration_vfio_control(struct migration_vfio_device *mdev, u32 what)
{
	iowrite32(what, migration_vfio_io(mdev) + mdev->shown + MIGRATION_CTRL);
}

/* The device has stopped: let out the state, behind the header. */
static void migration_vfio_save_state(struct migration_vfio_device *mdev)
{
	struct migration_vfio_file *migf = mdev->saving;
	size_t len = migf->size - sizeof(__le32);
	u8 *state = migf->data + sizeof(struct migration_vfio_header);

	memcpy_fromio(state, migration_vfio_io(mdev), mdev->shown);
	put_unaligned_le32(crc32_le(~0, migf->data, len), migf->data + len);
	migration_vfio_set_phase(migf, MIGRATION_FILE_COMPLETE);
}

/* RESUMING ends: check all that was written, and only then touch the device. */
static int migration_vfio_load_state(struct migration_vfio_device *mdev)
{
	struct migration_vfio_file *migf = mdev->resuming;
	size_t len = migf->size - sizeof(__le32);
	u8 *state = migf->data + sizeof(struct migration_vfio_header);
	int ret;

	/*
	 * A write is under way, and may have to wait for memory_lock, which is
	 * held here. Who ends RESUMING meanwhile has lost track anyway.
	 */
	if (!mutex_trylock(&migf->lock))
		return -EBUSY;

	ret = -EINVAL;
	if (migf->pos != migf->size)
		goto out_unlock;
	ret = migration_vfio_check_header(migf);
	if (ret)
		goto out_unlock;
	if (crc32_le(~0, migf->data, len) !=
	    get_unaligned_le32(migf->data + len)) {
		ret = -EINVAL;
		goto out_unlock;
	}
	memcpy_toio(migration_vfio_io(mdev), state, mdev->shown);
out_unlock:
	mutex_unlock(&migf->lock);
	return ret;
}

#define MIGRATION_ARC(from, to)	((from) * VFIO_DEVICE_STATE_NR + (to))

/*
 * One arc of the state machine. With memory_lock held, and memory enabled, only
 * to make a data file and to load a state can fail; both leave the device as it
 * is.
 *
 * Return: a data file, NULL, or an ERR_PTR with which the state stays.
 */
static struct file *migration_vfio_step(struct migration_vfio_device *mdev,
					enum vfio_device_mig_state next)
{
	struct file *file;
	int ret;

	lockdep_assert_held(&mdev->state_mutex);

	switch (MIGRATION_ARC(mdev->mig_state, next)) {
	case MIGRATION_ARC(VFIO_DEVICE_STATE_RUNNING,
			   VFIO_DEVICE_STATE_RUNNING_P2P):
	case MIGRATION_ARC(VFIO_DEVICE_STATE_STOP,
			   VFIO_DEVICE_STATE_RUNNING_P2P):
	case MIGRATION_ARC(VFIO_DEVICE_STATE_PRE_COPY,
			   VFIO_DEVICE_STATE_PRE_COPY_P2P):
		migration_vfio_control(mdev, MIGRATION_CTRL_QUIESCE);
		return NULL;

	case MIGRATION_ARC(VFIO_DEVICE_STATE_RUNNING_P2P,
			   VFIO_DEVICE_STATE_RUNNING):
	case MIGRATION_ARC(VFIO_DEVICE_STATE_PRE_COPY_P2P,
			   VFIO_DEVICE_STATE_PRE_COPY):
		migration_vfio_control(mdev, MIGRATION_CTRL_RUN);
		return NULL;

	case MIGRATION_ARC(VFIO_DEVICE_STATE_RUNNING_P2P,
			   VFIO_DEVICE_STATE_STOP):
		migration_vfio_control(mdev, MIGRATION_CTRL_STOP);
		return NULL;

	case MIGRATION_ARC(VFIO_DEVICE_STATE_RUNNING,
			   VFIO_DEVICE_STATE_PRE_COPY):
	case MIGRATION_ARC(VFIO_DEVICE_STATE_RUNNING_P2P,
			   VFIO_DEVICE_STATE_PRE_COPY_P2P):
		return migration_vfio_begin_saving(mdev);

	case MIGRATION_ARC(VFIO_DEVICE_STATE_PRE_COPY_P2P,
			   VFIO_DEVICE_STATE_STOP_COPY):
		migration_vfio_control(mdev, MIGRATION_CTRL_STOP);
		migration_vfio_save_state(mdev);
		return NULL;

	case MIGRATION_ARC(VFIO_DEVICE_STATE_STOP,
			   VFIO_DEVICE_STATE_STOP_COPY):
		file = migration_vfio_begin_saving(mdev);
		if (!IS_ERR(file))
			migration_vfio_save_state(mdev);
		return file;

	case MIGRATION_ARC(VFIO_DEVICE_STATE_STOP,
			   VFIO_DEVICE_STATE_RESUMING):
		return migration_vfio_begin_resuming(mdev);

	case MIGRATION_ARC(VFIO_DEVICE_STATE_RESUMING,
			   VFIO_DEVICE_STATE_STOP):
		ret = migration_vfio_load_state(mdev);
		if (ret)
			return ERR_PTR(ret);
		fallthrough;

	case MIGRATION_ARC(VFIO_DEVICE_STATE_PRE_COPY,
			   VFIO_DEVICE_STATE_RUNNING):
	case MIGRATION_ARC(VFIO_DEVICE_STATE_PRE_COPY_P2P,
			   VFIO_DEVICE_STATE_RUNNING_P2P):
	case MIGRATION_ARC(VFIO_DEVICE_STATE_STOP_COPY,
			   VFIO_DEVICE_STATE_STOP):
		migration_vfio_end_files(mdev);
		return NULL;
	}

	/* vfio_mig_get_next_state() returns no other arc. */
	WARN_ON(true);
	return ERR_PTR(-EINVAL);
}

/*
 * The state is where the BAR is, and a VMM that resumes a device sets its state
 * before the guest has enabled memory. With memory_lock held for write nobody else
 * gets to the BAR meanwhile: its mappings were revoked when the user disabled
 * memory, and whoever faults, reads or writes waits, and is refused after that.
 *
 * Return: what PCI_COMMAND was, for migration_vfio_restore_memory().
 */
static u16 migration_vfio_enable_memory(struct vfio_pci_core_device *vdev)
{
	u16 cmd;

	lockdep_assert_held_write(&vdev->memory_lock);
	pci_read_config_word(vdev->pdev, PCI_COMMAND, &cmd);
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(vdev->pdev, PCI_COMMAND,
				      cmd | PCI_COMMAND_MEMORY);
	return cmd;
}

static void migration_vfio_restore_memory(struct vfio_pci_core_device *vdev,
					  u16 cmd)
{
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(vdev->pdev, PCI_COMMAND, cmd);
}

/* Arc by arc. One with a data file is never on the way: that is the last. */
static struct file *migration_vfio_walk(struct migration_vfio_device *mdev,
					enum vfio_device_mig_state new_state)
{
	struct vfio_device *core_vdev = &mdev->core_device.vdev;
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	while (mdev->mig_state != new_state) {
		ret = vfio_mig_get_next_state(core_vdev, mdev->mig_state,
					      new_state, &next);
		if (ret)
			return ERR_PTR(ret);
		file = migration_vfio_step(mdev, next);
		if (IS_ERR(file))
			return file;
		mdev->mig_state = next;
	}
	return file;
}

static struct file *migration_vfio_set_state_locked(struct migration_vfio_device *mdev,
						    enum vfio_device_mig_state new_state)
{
	struct vfio_pci_core_device *vdev = &mdev->core_device;
	struct file *file;
	u16 cmd;

	/*
	 * A state changes only when the user asks for it or resets the device.
	 * So an error that has been reported shows up here, and the way out of
	 * ERROR is a reset.
	 */
	if (mdev->lost) {
		mdev->mig_state = VFIO_DEVICE_STATE_ERROR;
		return ERR_PTR(-EIO);
	}
	/* Outside D0 there is no BAR. That cannot change with memory_lock held. */
	if (vdev->pdev->current_state != PCI_D0)
		return ERR_PTR(-EIO);

	cmd = migration_vfio_enable_memory(vdev);
	file = migration_vfio_walk(mdev, new_state);
	migration_vfio_restore_memory(vdev, cmd);
	return file;
}

/* memory_lock before state_mutex, see the top of this file. */
static struct file *migration_vfio_set_state(struct vfio_device *core_vdev,
					     enum vfio_device_mig_state new_state)
{
	struct migration_vfio_device *mdev = to_migration_vfio(core_vdev);
	struct vfio_pci_core_device *vdev = &mdev->core_device;
	struct file *file;

	if (down_write_killable(&vdev->memory_lock))
		return ERR_PTR(-EINTR);
	mutex_lock(&mdev->state_mutex);
	file = migration_vfio_set_state_locked(mdev, new_state);
	mutex_unlock(&mdev->state_mutex);
	up_write(&vdev->memory_lock);
	return file;
}

static int migration_vfio_get_state(struct vfio_device *core_vdev,
				    enum vfio_device_mig_state *state)
{
	struct migration_vfio_device *mdev = to_migration_vfio(core_vdev);

	guard(mutex)(&mdev->state_mutex);
	*state = mdev->mig_state;
	return 0;
}

/* The same in each state, and known without the device. */
static int migration_vfio_get_data_size(struct vfio_device *core_vdev,
					unsigned long *stop_copy_length)
{
	*stop_copy_length =
		migration_vfio_stream_size(to_migration_vfio(core_vdev));
	return 0;
}

static const struct vfio_migration_ops migration_vfio_migration_ops = {
	.migration_set_state = migration_vfio_set_state,
	.migration_get_state = migration_vfio_get_state,
	.migration_get_data_size = migration_vfio_get_data_size,
};

/**
 * migration_vfio_init() - make a device one that can be migrated
 * @mdev: the device
 *
 * The device does no DMA, so in the states with _P2P it keeps what they ask for
 * by itself, and there is no DMA to log.
 *
 * Context: .init, before registration: from then on, VFIO looks at what is set
 * here.
 */
void migration_vfio_init(struct migration_vfio_device *mdev)
{
	struct vfio_device *core_vdev = &mdev->core_device.vdev;

	mutex_init(&mdev->state_mutex);
	core_vdev->migration_flags = VFIO_MIGRATION_STOP_COPY |
				     VFIO_MIGRATION_P2P |
				     VFIO_MIGRATION_PRE_COPY;
	core_vdev->mig_ops = &migration_vfio_migration_ops;
}

/**
 * migration_vfio_destroy() - undo migration_vfio_init()
 * @mdev: the device
 *
 * Context: .release.
 */
void migration_vfio_destroy(struct migration_vfio_device *mdev)
{
	mutex_destroy(&mdev->state_mutex);
}

/**
 * migration_vfio_start() - the device has been reset, and runs
 * @mdev: the device
 *
 * Context: .open_device, and .reset_done, with memory_lock held for write. Takes
 * state_mutex, whose holders never wait for memory_lock.
 */
void migration_vfio_start(struct migration_vfio_device *mdev)
{
	guard(mutex)(&mdev->state_mutex);
	mdev->mig_state = VFIO_DEVICE_STATE_RUNNING;
	mdev->lost = false;
}

/**
 * migration_vfio_end_sessions() - the data files are at an end
 * @mdev: the device
 *
 * Does not wait for who reads or writes a data file just then.
 *
 * Context: .close_device, and .reset_prepare, with memory_lock held for write.
 * Takes state_mutex, whose holders never wait for memory_lock.
 */
void migration_vfio_end_sessions(struct migration_vfio_device *mdev)
{
	guard(mutex)(&mdev->state_mutex);
	migration_vfio_end_files(mdev);
}

/**
 * migration_vfio_lose() - a fatal error has hit the device
 * @mdev: the device
 *
 * The data files are at an end, and the next change of the state fails and
 * leads to ERROR. The state is not changed here: the uAPI has no changes of the
 * state that the user has not asked for, but by a reset.
 *
 * Context: .error_detected, with the device lock and pci_bus_sem held. Takes
 * state_mutex. Its holders never wait for one of the two, nor for memory_lock,
 * below which a bus reset takes pci_bus_sem.
 */
void migration_vfio_lose(struct migration_vfio_device *mdev)
{
	guard(mutex)(&mdev->state_mutex);
	migration_vfio_end_files(mdev);
	mdev->lost = true;
}
