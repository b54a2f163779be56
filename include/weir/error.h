/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, in words. Functions that take a struct weir_error return 0 or a negative errno value; on
 * an error the text names chain, stage, field and value, one problem a line: "outbound/filter: allow[2]:
 * '02:zz' is not a MAC address". A NULL pointer is allowed everywhere and means: the code is enough.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <weir/base.h>

WEIR_BEGIN_DECLS

struct weir_error {
	int code;          /* the negative errno of the first problem; 0 while there is none */
	unsigned problems; /* how many were found, also those that no longer fit in the text */
	char where[128];   /* the prefix of what is added next; the engine's own */
	char text[4096];   /* one problem a line, without a newline after the last */
};

/*
 * Adds a problem with the value of an option: "WHERE: FIELD: MESSAGE". The engine sets WHERE before it calls
 * a stage or an endpoint. Returns -EINVAL, so that a check can end with: return weir_invalid(err, "mtu", …).
 */
WEIR_API int weir_invalid(struct weir_error *err, const char *field, const char *format, ...)
	WEIR_PRINTF(3, 4);

/* Adds a problem that has no field: "WHERE: MESSAGE". Returns code, a negative errno value. */
WEIR_API int weir_failed(struct weir_error *err, int code, const char *format, ...) WEIR_PRINTF(3, 4);

WEIR_END_DECLS

#endif
