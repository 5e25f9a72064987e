/*
 * child.h -- a worker, the keeper or the courier, from exec to exit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a child does reads from top to bottom in child_main: take what the
 * master hands over, arm the black box, give all rights away, say ready, run.
 * The roles differ in the modules that run in them and in nothing else.
 */
#ifndef ION_MAIN_CHILD_H
#define ION_MAIN_CHILD_H

/* argv[1] of a child; no subcommand may have this name. */
#define ION_CHILD_ARG "(child)"

/*
 * child_main -- run as a child: the channel is descriptor ION_CHILD_FD_CHAN.
 *
 * Returns: the exit status.  0 after a drain or an order to exit, 1 when the
 *          master went away or this process could not start.
 */
int child_main(void);

#endif
