/*
 * client/curl_api.c -- libcurl, loaded by the process that needs it.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "client/curl_api.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

/* Where the pointer to each function belongs. */
static const struct {
    const char *symbol;
    size_t offset;
} functions[] = {
#define FUNCTION(name) { "curl_" #name, offsetof(ion_curl_t, name) },
    ION_CURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

ion_err_t
ion_curl_load(ion_curl_t *curl, ion_errtext_t *why)
{
    /* never closed: it stays for as long as the process does */
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        ion_errtext_set(why, "%s cannot be loaded (Debian: libcurl4): %s",
            LIBRARY, dlerror());
        return ION_UNSUPPORTED;
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(functions); i++) {
        void *function = dlsym(library, functions[i].symbol);

        if (function == NULL) {
            ion_errtext_set(why, "%s has no %s: it is too old", LIBRARY,
                functions[i].symbol);
            return ION_UNSUPPORTED;
        }
        /* a pointer to a function, which C keeps apart from those to data */
        memcpy((char *)curl + functions[i].offset, &function, sizeof(function));
    }
    return ION_OK;
}
