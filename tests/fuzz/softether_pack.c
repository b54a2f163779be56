/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include "softether/login.h"

/* Whatever a server answers is read by everything that reads answers. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct weir__se_target target = { .port = 443 };
	struct weir__se_welcome welcome;
	enum weir__se_direction direction;
	struct weir__se_pack pack;
	uint8_t random[WEIR__SE_RANDOM], ticket[WEIR__SE_KEY];

	if (weir__se_pack_parse(&pack, bytes, size) < 0) {
		require(pack.n == 0);
		return 0;
	}
	require(pack.n <= WEIR__SE_PACK_ELEMENTS);
	weir__se_refused(&pack);
	weir__se_hello_read(&pack, random, NULL);
	if (weir__se_welcome_read(&pack, &welcome, NULL) == 0) {
		require(welcome.connections >= 1 && welcome.connections <= WEIR__SE_LINKS);
		require(welcome.timeout_ms >= 5000 && welcome.timeout_ms <= 60000);
		require(strlen(welcome.name) < sizeof(welcome.name));
	}
	if (weir__se_redirect_read(&pack, &target, ticket, NULL) == 0) {
		require(target.pinned && target.port && strlen(target.host) >= 7);
		require(strlen(target.pin) == WEIR__SE_PIN_HEX - 1);
	}
	if (weir__se_additional_read(&pack, &direction, NULL) == 0)
		require(direction <= WEIR__SE_UP);
	return 0;
}
