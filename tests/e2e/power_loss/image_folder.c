/*
 * The durable entries of a folder.
 *
 * Guarantees:
 *  - The entries change at a sync of the folder only, all of them by one rename.
 *  - An entry leads to a number. What the file holds is told by its own syncs.
 *  - A later sync never yields to an earlier one that took longer.
 *
 *     names/NUMBER:  kind (F, D or L), 16 hex digits, name, NUL;
 *                    after a symbolic link, its target, NUL
 */
#define _GNU_SOURCE
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_BYTES (1 << 20)
#define READS_MAX 1000

struct text {
    char *data;
    size_t size;
    size_t room;
};

struct entry { /* what getdents64 returns */
    uint64_t inode;
    int64_t next;
    unsigned short length;
    unsigned char kind;
    char name[];
};

static void append(struct text *text, const void *data, size_t size)
{
    if (text->size + size > text->room) {
        text->room = 2 * (text->size + size);
        text->data = realloc(text->data, text->room);
        if (text->data == NULL)
            give_up("keep the entries of", "a folder");
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
}

static void append_entry(struct text *listing, char kind, uint64_t number, const char *name)
{
    char start[32];
    append(listing, start, (size_t)snprintf(start, sizeof start, "%c%016" PRIx64, kind, number));
    append(listing, name, strlen(name) + 1);
}

static void read_entries(int folder, struct text *raw)
{
    ssize_t got;
    char *buffer = malloc(READ_BYTES);
    if (buffer == NULL || lseek(folder, 0, SEEK_SET) != 0)
        give_up("read", "a folder");
    raw->size = 0;
    while ((got = syscall(SYS_getdents64, folder, buffer, READ_BYTES)) > 0)
        append(raw, buffer, (size_t)got);
    if (got < 0)
        give_up("read", "a folder");
    free(buffer);
}

/* Sockets and pipes are left out: they mean nothing after a restart. */
static void add_entry(struct text *listing, uint64_t number, int folder, const char *name)
{
    struct stat status;
    struct label label;
    char path[32], target[PATH_MAX];
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    /* O_PATH pins the inode, and closing it leaves fcntl locks alone. */
    int fd = (int)syscall(SYS_openat, folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return; /* gone meanwhile: read_listing sees that and starts again */
    if (fstat(fd, &status) != 0)
        give_up("look at", name);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (S_ISLNK(status.st_mode)) {
        ssize_t length = readlinkat(fd, "", target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        append_entry(listing, 'L', 0, name);
        append(listing, target, strlen(target) + 1);
    } else if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        find_label(path, &status, &label);
        if (label.listed != number) {
            label.listed = number;
            write_label(path, &label);
        }
        append_entry(listing, S_ISDIR(status.st_mode) ? 'D' : 'F', label.number, name);
    }
    syscall(SYS_close, fd);
}

/*
 * A file that is renamed while its folder is read can be missed under both its
 * names. A disk would not lose it, so the folder is read until it stood still.
 */
static void read_listing(struct text *listing, uint64_t number, int folder)
{
    struct text raw = {0}, again = {0};
    bool still = false;
    read_entries(folder, &raw);
    for (int reads = 0; !still; reads++) {
        errno = EBUSY;
        if (reads == READS_MAX)
            give_up("find a quiet moment of", "a folder");
        listing->size = 0;
        for (size_t at = 0; at < raw.size;) {
            const struct entry *entry = (const struct entry *)(raw.data + at);
            add_entry(listing, number, folder, entry->name);
            at += entry->length;
        }
        read_entries(folder, &again);
        still = raw.size == again.size && memcmp(raw.data, again.data, raw.size) == 0;
        struct text swap = raw;
        raw = again;
        again = swap;
    }
    free(raw.data);
    free(again.data);
}

void image_sync_folder(int fd, const struct inode *inode)
{
    struct text listing = {0};
    char through[32], next[PATH_MAX], path[PATH_MAX];
    int error = errno;
    snprintf(through, sizeof through, "/proc/self/fd/%d", fd);
    image_path_of(next, "names/next");
    image_path(path, "names", inode->number);
    int held = lock_image("names.lock");
    int folder = open_or_give_up(through, O_RDONLY | O_DIRECTORY);
    read_listing(&listing, inode->number, folder);
    int to = open_or_give_up(next, O_CREAT | O_TRUNC | O_WRONLY);
    write_all(to, listing.data, listing.size);
    syscall(SYS_close, to);
    if (rename(next, path) != 0)
        give_up("replace", path);
    syscall(SYS_close, folder);
    free(listing.data);
    unlock_and_close(held);
    errno = error;
}
