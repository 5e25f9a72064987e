"""What the system tests are written with: a DERP client, a STUN client,
an HTTP client and a harness around the real daemon.

SPDX-License-Identifier: BSD-2-Clause

Nothing in here shares code with the daemon: the codecs are a second
implementation, the box is libsodium's through python3-nacl, TLS is
Python's ssl module.
"""
