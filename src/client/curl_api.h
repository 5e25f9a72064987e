/*
 * client/curl_api.h -- libcurl, loaded by the process that needs it.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Linked in the usual way it would bring some thirty libraries into every
 * process of ours: 0.7 MiB of private memory in each, three times the time to
 * start, and their code in workers, which face the network.  So it is loaded
 * at run time, before the sandbox is entered; after that it is only looked up.
 */
#ifndef ION_CLIENT_CURL_API_H
#define ION_CLIENT_CURL_API_H

#include <curl/curl.h>

#include "base/base.h"
#include "base/err.h"

/* What we use of it. */
#define ION_CURL_FUNCTIONS(X)                                                  \
    X(global_init)                                                             \
    X(global_cleanup)                                                          \
    X(easy_init)                                                               \
    X(easy_cleanup)                                                            \
    X(easy_setopt)                                                             \
    X(easy_getinfo)                                                            \
    X(easy_strerror)                                                           \
    X(multi_init)                                                              \
    X(multi_cleanup)                                                           \
    X(multi_setopt)                                                            \
    X(multi_add_handle)                                                        \
    X(multi_remove_handle)                                                     \
    X(multi_socket_action)                                                     \
    X(multi_assign)                                                            \
    X(multi_info_read)                                                         \
    X(slist_append)                                                            \
    X(slist_free_all)                                                          \
    X(url)                                                                     \
    X(url_cleanup)                                                             \
    X(url_get)                                                                 \
    X(url_set)                                                                 \
    X(free)

typedef struct ion_curl {
#define ION_CURL_MEMBER(name) __typeof__(curl_##name) *name;
    ION_CURL_FUNCTIONS(ION_CURL_MEMBER)
#undef ION_CURL_MEMBER
} ion_curl_t;

/*
 * ion_curl_load -- find all functions, loading the library the first time.
 *
 * Errors: ION_UNSUPPORTED it is not there, or older than it must be; *why
 *         says so.
 */
ION_NODISCARD ion_err_t ion_curl_load(ion_curl_t *curl, ion_errtext_t *why);

#endif
