/*
 * The disk image: what a power cut would leave of the watched folder.
 *
 * A file or folder below the watched folder has a number, kept on the inode
 * itself as an extended attribute. So it follows renames, and it is gone when
 * the inode is, even if the kernel hands out the same inode number again.
 *
 *     image/run              8 bytes; labels of another run do not count
 *     image/content/NUMBER   the durable bytes of a file
 *     image/pending/NUMBER   a header, then the ranges changed since the last sync
 *     image/names/NUMBER     the durable entries of a folder
 *
 * Nothing is kept in the process: every call finds its way from the descriptor
 * to these files anew. So fork, several processes, closed descriptors and
 * kill -9 need no care of their own.
 *
 * Numbers are in the byte order of the machine; image.py reads and writes the
 * same structures.
 */
#ifndef POWER_LOSS_IMAGE_H
#define POWER_LOSS_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#if __SIZEOF_LONG__ != 8
#error "a file offset goes to a system call as one long: 64 bits only"
#endif

#pragma GCC visibility push(hidden)

#define TO_THE_END UINT64_MAX

struct inode {
    uint64_t number;
    uint64_t size;
    bool is_folder;
};

/* A change that is being made. It stays marked as open until it is over. */
struct change {
    int pending;
    off_t slot;
};

#define NO_CHANGE ((struct change){-1, 0})

/* ---- for power_loss.c ---- */

/* False if the descriptor is not a file or folder below the watched folder. */
bool image_find(int fd, struct inode *inode);

/* The same for a path. Finds only files that image_find has met before. */
bool image_find_at(int folder, const char *path, struct inode *inode);

/* Call before and after the real call that changes the range. */
struct change change_begin(const struct inode *inode, uint64_t offset, uint64_t length);
void change_end(const struct change *change);

/* From now on the file can change unseen: a sync copies all of it. */
void image_mark_unseen(const struct inode *inode);

/* What fsync makes durable: the bytes of a file, or the entries of a folder. */
void image_sync_file(int fd, const struct inode *inode);
void image_sync_folder(int fd, const struct inode *inode);

/* What a write through O_DSYNC makes durable: these bytes and no others. */
void image_write_through(const struct inode *inode, const struct iovec *parts, int count,
                         uint64_t offset, uint64_t length);

/* ---- shared by image.c, image_file.c and image_folder.c ---- */

struct label {
    uint64_t run;
    uint64_t number;
    uint64_t inode; /* tells a label that a copy of the file brought along */
    uint64_t listed; /* the folder whose durable entries led here last, 0 for none */
};

struct header {
    uint64_t done; /* where the first range begins that is not durable yet */
    uint64_t unseen;
    uint64_t spare[2];
};

struct range {
    uint64_t offset;
    uint64_t length;
    uint32_t process;
    uint32_t open; /* 1: the real call may not have happened yet */
    uint64_t spare;
};

/* A test must not go on with an image that is wrong: says why and aborts. */
void give_up(const char *what, const char *path) __attribute__((noreturn));

int open_or_give_up(const char *path, int flags);
int open_image(const char *kind, uint64_t number, int flags);
void image_path(char path[PATH_MAX], const char *kind, uint64_t number);
void image_path_of(char path[PATH_MAX], const char *name);
void write_all(int fd, const void *data, size_t size);
void write_at(int fd, const void *data, size_t size, uint64_t offset);

void lock(int fd);
int lock_image(const char *name);
void unlock_and_close(int fd);

/* `path` must lead through a descriptor: then it cannot change its inode meanwhile. */
void find_label(const char *path, const struct stat *status, struct label *label);
void write_label(const char *path, const struct label *label);

#pragma GCC visibility pop
#endif
