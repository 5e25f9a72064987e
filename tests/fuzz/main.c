/*
 * The corpus replay driver: runs a fuzz target over files without libFuzzer.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every compiler can build it, so `make test` feeds each seed and each past
 * crash to its target, in a heap block of exactly its size, where a sanitizer
 * sees a read past the end.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *dir, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    uint8_t *buf = malloc(INPUT_LIMIT);
    if (f == NULL || buf == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        free(buf);
        if (f != NULL) {
            fclose(f);
        }
        return -1;
    }
    size_t n = fread(buf, 1, INPUT_LIMIT, f);
    fclose(f);
    uint8_t *exact = malloc(n > 0 ? n : 1);
    if (exact == NULL) {
        free(buf);
        return -1;
    }
    memcpy(exact, buf, n);
    free(buf);
    fprintf(stderr, "input %s (%zu bytes)\n", name, n);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 2;
    }
    DIR *dir = opendir(argv[1]);
    if (dir == NULL) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    int count = 0;
    int failed = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            count++;
            failed += replay_file(argv[1], e->d_name) != 0;
        }
    }
    closedir(dir);
    printf("%d inputs\n", count);
    return count == 0 || failed > 0;
}
