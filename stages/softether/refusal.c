/* SPDX-License-Identifier: Apache-2.0 */
#include "refusal.h"

#include <errno.h>
#include <stddef.h>

static const struct weir__se_refusal refusals[] = {
	{ 1, -ECONNREFUSED, false, "it could not connect to what stands behind it" },
	{ 2, -EPROTO, false, "it met something that is no VPN server" },
	{ 3, -ECONNRESET, false, "it could not read what it was sent" },
	{ 4, -EPROTO, false, "it did not expect this message" },
	{ 5, -EPROTO, false, "it takes this side for something that is no VPN client" },
	{ 7, -EOPNOTSUPP, true, "it does not know this way to authenticate" },
	{ 8, -ENOENT, true, "it has no such hub" },
	{ 9, -EACCES, true, "user or password are wrong" },
	{ 10, -EHOSTDOWN, false, "the hub is offline" },
	{ 11, -ECONNRESET, false, "the session was removed" },
	{ 12, -EACCES, true, "access is denied" },
	{ WEIR__SE_SESSION_UNKNOWN, -ESTALE, false, "the session has ended" },
	{ 14, -EPROTO, false, "the protocol is not allowed" },
	{ 15, -EUSERS, false, "the session has too many connections" },
	{ 16, -EUSERS, false, "the hub has too many sessions" },
	{ 20, -EUSERS, false, "the user is logged in too many times" },
	{ 33, -EOPNOTSUPP, true, "it does not support what was asked for" },
	{ 49, -EHOSTDOWN, false, "its cluster has no member for this hub" },
	{ 51, -EACCES, true, "an empty password is good for local users alone" },
	{ 63, -EUSERS, false, "it has too many users" },
	{ 87, -EPROTONOSUPPORT, true, "it wants a newer client" },
	{ 105, -EHOSTDOWN, false, "it takes no connections now" },
	{ 107, -EACCES, true, "monitoring is denied" },
	{ 108, -EACCES, true, "the user may not bridge" },
	{ 109, -EACCES, true, "this side's address is denied" },
	{ 124, -EACCES, true, "it is for other makes of clients" },
	{ 125, -EACCES, true, "it is for other makes of clients" },
	{ 127, -EACCES, true, "it wants a client of another id" },
};

static const struct weir__se_refusal unknown = { 0, -EPROTO, false, "for a reason that is not known" };

const struct weir__se_refusal *weir__se_refusal(uint32_t code)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].code == code)
			return &refusals[i];
	return &unknown;
}
