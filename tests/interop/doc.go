// Package interop holds ionscale against Tailscale's own code: its DERP, STUN
// and netcheck clients, its derper as the reference on the same cases, and
// whole tailscaled nodes whose packets go through our relay.
//
// SPDX-License-Identifier: BSD-2-Clause
//
// Environment: IONSCALE_BIN is the program under test (../../objs/ionscale).
// With CI=true a test that lacks what it needs fails instead of being
// skipped.
package interop
