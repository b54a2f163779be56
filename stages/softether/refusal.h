/* SPDX-License-Identifier: Apache-2.0 */
/* What the error numbers of a server mean. */
#ifndef WEIR_SE_REFUSAL_H
#define WEIR_SE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR__SE_SESSION_UNKNOWN 13

struct weir__se_refusal {
	uint32_t code;
	int error;  /* a negative errno */
	bool fatal; /* another attempt with the same options would not help */
	const char *text;
};

/* Never NULL: of a number that is not known, one that says so. */
const struct weir__se_refusal *weir__se_refusal(uint32_t code);

#endif
