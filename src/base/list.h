/*
 * list.h -- intrusive doubly linked list.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A list head and a link in an object are the same type. A link that is in no
 * list points to itself, so deleting twice is harmless and "is it linked?"
 * can be asked. Use ION_CONTAINER_OF to come from the link to the object.
 */

#ifndef ION_BASE_LIST_H
#define ION_BASE_LIST_H

#include "base/base.h"

typedef struct ion_list {
    struct ion_list *prev;
    struct ion_list *next;
} ion_list_t;

/*
 * ion_list_init -- an empty head, or a link that is in no list.
 *
 * Errors: none.
 */
static inline void
ion_list_init(ion_list_t *l)
{
    l->prev = l;
    l->next = l;
}

/*
 * ion_list_is_empty -- of a head: has it no members; of a link: is it in no
 * list.
 *
 * Errors: none.
 */
static inline bool
ion_list_is_empty(const ion_list_t *l)
{
    return l->next == l;
}

/*
 * ion_list_add_tail, ion_list_add_head -- link an unlinked object.
 *
 * Errors: none; a link that is in a list already must be deleted first.
 */
static inline void
ion_list_add_tail(ion_list_t *head, ion_list_t *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void
ion_list_add_head(ion_list_t *head, ion_list_t *link)
{
    link->prev = head;
    link->next = head->next;
    head->next->prev = link;
    head->next = link;
}

/*
 * ion_list_del -- unlink; harmless on a link that is in no list.
 *
 * Errors: none.
 */
static inline void
ion_list_del(ion_list_t *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    ion_list_init(link);
}

/*
 * ion_list_first -- the first link, or NULL when the list is empty.
 *
 * Errors: none.
 */
static inline ion_list_t *
ion_list_first(const ion_list_t *head)
{
    return ion_list_is_empty(head) ? NULL : head->next;
}

/*
 * ion_list_splice -- move all members of src to the tail of dst.
 *
 * Errors: none; src is empty afterwards.
 */
static inline void
ion_list_splice(ion_list_t *dst, ion_list_t *src)
{
    if (ion_list_is_empty(src)) {
        return;
    }
    src->next->prev = dst->prev;
    src->prev->next = dst;
    dst->prev->next = src->next;
    dst->prev = src->prev;
    ion_list_init(src);
}

/* Walk over the links; the body must not unlink `it`. */
#define ION_LIST_FOREACH(it, list)                                             \
    for (ion_list_t *it = (list)->next; it != (list); it = it->next)

/* The body may unlink (and free) the object of `it`, but no other. */
#define ION_LIST_FOREACH_SAFE(it, tmp, list)                                   \
    for (ion_list_t *it = (list)->next, *tmp = it->next; it != (list);         \
         it = tmp, tmp = it->next)

#endif
