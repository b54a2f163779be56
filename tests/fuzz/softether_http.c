/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include "softether/http.h"

/* What is decided when a part has come is not decided otherwise when more has. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct weir__se_http_reply reply, early;
	const int all = weir__se_http_reply(bytes, size, &reply);

	if (all > 0) {
		require((size_t)all <= size && all <= WEIR__SE_HTTP_HEAD);
		require(reply.body <= WEIR__SE_HTTP_BODY && reply.status <= 999);
	}
	for (size_t n = size > 64 ? size - 64 : 0; n < size; n++) {
		const int part = weir__se_http_reply(bytes, n, &early);

		if (part > 0)
			require(part == all && early.body == reply.body);
		else if (part < 0)
			require(all == part);
	}
	return 0;
}
