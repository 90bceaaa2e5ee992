/*
 * The numbers of files and folders, and the way from a descriptor to them.
 *
 * Guarantees:
 *  - A number is given once. It is written to the inode after its files in the
 *    image exist, so a kill in between leaves nothing worse than unused files.
 *  - Nothing of a file that is met for the first time is durable. What was in
 *    the watched folder at the start has its number already, from image.py.
 *  - errno is as the caller left it.
 *
 * System calls that power_loss.c intercepts are raw here: the names from libc
 * would lead back into it.
 */
#define _GNU_SOURCE
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LABEL_NAME "user.tandem_power_loss"

static struct {
    bool on;
    uint64_t run;
    char watched[PATH_MAX];
    size_t watched_length;
    char image[PATH_MAX];
} settings;

void give_up(const char *what, const char *path)
{
    char text[PATH_MAX + 200];
    int length = snprintf(text, sizeof text, "power_loss: cannot %s %s: %s\n", what, path,
                          strerror(errno));
    syscall(SYS_write, 2, text, (size_t)length);
    abort();
}

int open_or_give_up(const char *path, int flags)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up("open", path);
    return fd;
}

void image_path_of(char path[PATH_MAX], const char *name)
{
    if (snprintf(path, PATH_MAX, "%s/%s", settings.image, name) >= PATH_MAX)
        give_up("use so long a path as", settings.image);
}

void image_path(char path[PATH_MAX], const char *kind, uint64_t number)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%016" PRIx64, kind, number);
    image_path_of(path, name);
}

int open_image(const char *kind, uint64_t number, int flags)
{
    char path[PATH_MAX];
    image_path(path, kind, number);
    return open_or_give_up(path, flags);
}

void write_all(int fd, const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        ssize_t written = syscall(SYS_write, fd, from, size);
        if (written < 0)
            give_up("write to", settings.image);
        from += written;
        size -= (size_t)written;
    }
}

void write_at(int fd, const void *data, size_t size, uint64_t offset)
{
    if (syscall(SYS_pwrite64, fd, data, size, offset) != (ssize_t)size)
        give_up("write to", settings.image);
}

void lock(int fd)
{
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            give_up("lock", settings.image);
}

int lock_image(const char *name)
{
    char path[PATH_MAX];
    image_path_of(path, name);
    int fd = open_or_give_up(path, O_RDWR | O_CREAT);
    lock(fd);
    return fd;
}

/* Closing alone would not do: a child that was forked meanwhile shares the lock. */
void unlock_and_close(int fd)
{
    flock(fd, LOCK_UN);
    syscall(SYS_close, fd);
}

__attribute__((constructor)) static void start(void)
{
    const char *watched = getenv("TANDEM_POWER_LOSS_DIR");
    const char *image = getenv("TANDEM_POWER_LOSS_IMAGE");
    char path[PATH_MAX];
    if (watched == NULL || image == NULL)
        return;
    snprintf(settings.watched, sizeof settings.watched, "%s", watched);
    snprintf(settings.image, sizeof settings.image, "%s", image);
    settings.watched_length = strlen(settings.watched);
    image_path_of(path, "run");
    int fd = open_or_give_up(path, O_RDONLY);
    if (read(fd, &settings.run, sizeof settings.run) != sizeof settings.run)
        give_up("read", path);
    syscall(SYS_close, fd);
    settings.on = true;
}

static bool read_label(const char *path, uint64_t inode, struct label *label)
{
    return getxattr(path, LABEL_NAME, label, sizeof *label) == sizeof *label &&
           label->run == settings.run && label->inode == inode;
}

void write_label(const char *path, const struct label *label)
{
    if (setxattr(path, LABEL_NAME, label, sizeof *label, 0) != 0)
        give_up("label", path);
}

static void new_label(const char *path, const struct stat *status, struct label *label)
{
    struct header header = {.done = sizeof header};
    struct range everything = {.offset = 0, .length = TO_THE_END};
    *label = (struct label){.run = settings.run, .inode = status->st_ino};
    if (syscall(SYS_getrandom, &label->number, sizeof label->number, 0) != sizeof label->number)
        give_up("draw a number for", path);
    if (S_ISDIR(status->st_mode)) {
        syscall(SYS_close, open_image("names", label->number, O_CREAT | O_WRONLY));
    } else {
        syscall(SYS_close, open_image("content", label->number, O_CREAT | O_WRONLY));
        int fd = open_image("pending", label->number, O_CREAT | O_WRONLY);
        write_all(fd, &header, sizeof header);
        write_all(fd, &everything, sizeof everything);
        syscall(SYS_close, fd);
    }
    write_label(path, label);
}

void find_label(const char *path, const struct stat *status, struct label *label)
{
    if (read_label(path, status->st_ino, label))
        return;
    int fd = lock_image("label.lock");
    if (!read_label(path, status->st_ino, label))
        new_label(path, status, label);
    unlock_and_close(fd);
}

static bool is_below_watched(const char *path)
{
    char where[PATH_MAX];
    ssize_t length = readlink(path, where, sizeof where - 1);
    if (length < (ssize_t)settings.watched_length)
        return false;
    where[length] = '\0';
    char next = where[settings.watched_length];
    return memcmp(where, settings.watched, settings.watched_length) == 0 &&
           (next == '/' || next == '\0');
}

static struct inode inode_of(const struct stat *status, const struct label *label)
{
    return (struct inode){label->number, (uint64_t)status->st_size, S_ISDIR(status->st_mode)};
}

/* The label alone tells, for all calls but the first one on a file. */
bool image_find(int fd, struct inode *inode)
{
    struct stat status;
    struct label label;
    char path[32];
    int error = errno;
    bool found = false;
    if (settings.on && fstat(fd, &status) == 0 &&
        (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        found = read_label(path, status.st_ino, &label);
        if (!found && is_below_watched(path)) {
            find_label(path, &status, &label);
            found = true;
        }
        if (found)
            *inode = inode_of(&status, &label);
    }
    errno = error;
    return found;
}

/* A file without a label needs no more: all of it will count as changed. */
bool image_find_at(int folder, const char *path, struct inode *inode)
{
    struct stat status;
    struct label label;
    char through[PATH_MAX];
    int error = errno;
    bool found = false;
    if (settings.on && fstatat(folder, path, &status, 0) == 0 && S_ISREG(status.st_mode)) {
        if (folder != AT_FDCWD && path[0] != '/') {
            snprintf(through, sizeof through, "/proc/self/fd/%d/%s", folder, path);
            path = through;
        }
        found = read_label(path, status.st_ino, &label);
        if (found)
            *inode = inode_of(&status, &label);
    }
    errno = error;
    return found;
}
