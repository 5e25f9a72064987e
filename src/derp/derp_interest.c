/*
 * derp_interest.c -- which clients want to hear that a key has left.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Two hash maps: key -> source (all interests in that key), and pair of
 * receiver and key -> interest. A source lives as long as it has interests.
 * Sources also stand in one list, in which a walk moves what it has seen to
 * the tail: new ones come behind, so a count of steps is all a walk needs.
 */
#include "derp/derp_interest.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "base/slab.h"

typedef struct derp_source {
    ion_list_t link; /* of all sources */
    ion_list_t interests;
    ion_key_t key;
} derp_source_t;

typedef struct derp_interest {
    ion_list_t of_source;
    ion_list_t of_receiver;
    derp_source_t *source;     /* back */
    derp_receiver_t *receiver; /* back */
    uint64_t seq;
} derp_interest_t;

typedef struct pair_key {
    ion_key_t key;
    uint32_t receiver;
} pair_key_t;

ION_STATIC_ASSERT(sizeof(pair_key_t) == 36, "no padding in a hash key");

struct derp_interests {
    ion_map_t *sources;
    ion_map_t *pairs;
    ion_slab_t *source_slab;
    ion_slab_t *interest_slab;
    ion_list_t all;
    size_t walk_left;
};

ion_err_t
derp_interests_new(const uint8_t seed[16], size_t max, derp_interests_t **out)
{
    derp_interests_t *t = calloc(1, sizeof(*t));
    ion_err_t rc;

    if (t == NULL) {
        return ION_NOMEM;
    }
    ion_list_init(&t->all);
    rc = ion_map_new(sizeof(ion_key_t), 0, seed, &t->sources);
    if (rc == ION_OK) {
        rc = ion_map_new(sizeof(pair_key_t), 0, seed, &t->pairs);
    }
    if (rc == ION_OK) {
        rc = ion_slab_new(sizeof(derp_source_t), max, &t->source_slab);
    }
    if (rc == ION_OK) {
        rc = ion_slab_new(sizeof(derp_interest_t), max, &t->interest_slab);
    }
    if (rc != ION_OK) {
        derp_interests_free(&t);
        return rc;
    }
    *out = t;
    return ION_OK;
}

void
derp_interests_free(derp_interests_t **t)
{
    derp_interests_t *p = *t;

    if (p == NULL) {
        return;
    }
    ion_map_free(&p->sources);
    ion_map_free(&p->pairs);
    ion_slab_free(&p->source_slab);
    ion_slab_free(&p->interest_slab);
    free(p);
    *t = NULL;
}

void
derp_receiver_init(derp_receiver_t *receiver, uint32_t id)
{
    ion_list_init(&receiver->interests);
    receiver->id = id;
}

static void
source_drop_if_unused(derp_interests_t *t, derp_source_t *source)
{
    if (!ion_list_is_empty(&source->interests)) {
        return;
    }
    (void)ion_map_del(t->sources, &source->key);
    ion_list_del(&source->link);
    ion_slab_put(t->source_slab, source);
}

static derp_source_t *
source_find_or_make(derp_interests_t *t, const ion_key_t *key)
{
    derp_source_t *source = ion_map_get(t->sources, key);

    if (source != NULL) {
        return source;
    }
    source = ion_slab_get(t->source_slab);
    if (source == NULL) {
        return NULL;
    }
    source->key = *key;
    ion_list_init(&source->interests);
    ion_list_init(&source->link);
    if (ion_map_put(t->sources, key, source) != ION_OK) {
        ion_slab_put(t->source_slab, source);
        return NULL;
    }
    ion_list_add_tail(&t->all, &source->link);
    return source;
}

static void
interest_drop(derp_interests_t *t, derp_interest_t *interest)
{
    pair_key_t pair = { interest->source->key, interest->receiver->id };

    (void)ion_map_del(t->pairs, &pair);
    ion_list_del(&interest->of_source);
    ion_list_del(&interest->of_receiver);
    ion_slab_put(t->interest_slab, interest);
}

ion_err_t
derp_interests_add(derp_interests_t *t, derp_receiver_t *receiver,
    const ion_key_t *key, uint64_t seq)
{
    pair_key_t pair = { *key, receiver->id };
    derp_interest_t *interest = ion_map_get(t->pairs, &pair);
    ion_err_t rc = ION_LIMIT;

    if (interest != NULL) {
        interest->seq = ION_MAX(interest->seq, seq);
        return ION_OK;
    }
    interest = ion_slab_get(t->interest_slab);
    if (interest == NULL) {
        return rc;
    }
    interest->source = source_find_or_make(t, key);
    if (interest->source == NULL) {
        goto fail;
    }
    rc = ion_map_put(t->pairs, &pair, interest);
    if (rc != ION_OK) {
        source_drop_if_unused(t, interest->source);
        goto fail;
    }
    interest->receiver = receiver;
    interest->seq = seq;
    ion_list_init(&interest->of_source);
    ion_list_init(&interest->of_receiver);
    ion_list_add_tail(&interest->source->interests, &interest->of_source);
    ion_list_add_tail(&receiver->interests, &interest->of_receiver);
    return ION_OK;
fail:
    ion_slab_put(t->interest_slab, interest);
    return rc;
}

static size_t
source_fire(derp_interests_t *t, derp_source_t *source, uint64_t seq,
    derp_gone_pt fire, void *arg)
{
    size_t fired = 0;

    ION_LIST_FOREACH_SAFE(it, tmp, &source->interests) {
        derp_interest_t *interest =
            ION_CONTAINER_OF(it, derp_interest_t, of_source);

        if (interest->seq <= seq) {
            derp_receiver_t *receiver = interest->receiver;

            interest_drop(t, interest);
            fire(arg, receiver, &source->key);
            fired++;
        }
    }
    source_drop_if_unused(t, source);
    return fired;
}

size_t
derp_interests_gone(derp_interests_t *t, const ion_key_t *key, uint64_t seq,
    derp_gone_pt fire, void *arg)
{
    derp_source_t *source = ion_map_get(t->sources, key);

    return source == NULL ? 0 : source_fire(t, source, seq, fire, arg);
}

void
derp_interests_withdraw(derp_interests_t *t, derp_receiver_t *receiver)
{
    ION_LIST_FOREACH_SAFE(it, tmp, &receiver->interests) {
        derp_interest_t *interest =
            ION_CONTAINER_OF(it, derp_interest_t, of_receiver);
        derp_source_t *source = interest->source;

        interest_drop(t, interest);
        source_drop_if_unused(t, source);
    }
}

void
derp_interests_walk_start(derp_interests_t *t)
{
    t->walk_left = ion_map_count(t->sources);
}

bool
derp_interests_walk(derp_interests_t *t, size_t budget, derp_present_pt present,
    derp_gone_pt fire, void *arg)
{
    while (t->walk_left > 0 && budget > 0) {
        ion_list_t *first = ion_list_first(&t->all);
        derp_source_t *source;

        if (first == NULL) {
            t->walk_left = 0;
            break;
        }
        source = ION_CONTAINER_OF(first, derp_source_t, link);
        t->walk_left--;
        budget--;
        if (present(arg, &source->key)) {
            ion_list_del(&source->link);
            ion_list_add_tail(&t->all, &source->link);
        } else {
            (void)source_fire(t, source, UINT64_MAX, fire, arg);
        }
    }
    return t->walk_left == 0;
}

size_t
derp_interests_count(const derp_interests_t *t)
{
    return ion_map_count(t->pairs);
}
