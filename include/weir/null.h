/* SPDX-License-Identifier: Apache-2.0 */
/* null: takes everything, of any layer, and gives nothing. */
#ifndef WEIR_NULL_H
#define WEIR_NULL_H

#include <weir/endpoint.h>

WEIR_BEGIN_DECLS

struct weir_null {
	WEIR_ENDPOINT_OPTIONS;
};

WEIR_API extern const struct weir_endpoint_type weir_null_type;

#define weir_null(...) WEIR_ENDPOINT(weir_null_type, struct weir_null, __VA_ARGS__)

WEIR_END_DECLS

#endif
