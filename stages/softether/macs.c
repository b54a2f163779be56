/* SPDX-License-Identifier: Apache-2.0 */
#include "macs.h"

void weir__se_macs_add(struct weir__se_macs *macs, uint64_t mac)
{
	unsigned at = 0;

	if (mac >> 40 & 1 || !mac)
		return; /* a group is nobody's */
	while (at < macs->n && macs->mac[at] != mac)
		at++;
	if (at == macs->n && macs->n < WEIR__SE_MACS)
		macs->n++;
	if (at == WEIR__SE_MACS)
		at--;
	memmove(macs->mac + 1, macs->mac, at * sizeof(macs->mac[0]));
	macs->mac[0] = mac;
}

static void put_mac(uint8_t *bytes, uint64_t mac)
{
	weir__se_store16(bytes, (uint16_t)(mac >> 32));
	weir__se_store32(bytes + 2, (uint32_t)mac);
}

void weir__se_announcement(uint64_t mac, uint8_t frame[WEIR__SE_ANNOUNCE])
{
	static const uint8_t request[] = { 0x80, 0x35, 0, 1, 0x08, 0x00, 6, 4, 0, 3 };

	memset(frame, 0, WEIR__SE_ANNOUNCE);
	memset(frame, 0xff, 6);
	put_mac(frame + 6, mac);
	memcpy(frame + 12, request, sizeof(request));
	put_mac(frame + 22, mac);
	put_mac(frame + 32, mac);
}
