/* SPDX-License-Identifier: Apache-2.0 */
/* The types of stages and endpoints by name. */
#ifndef WEIR__REGISTRY_H
#define WEIR__REGISTRY_H

#include <weir/endpoint.h>
#include <weir/stage.h>

/* Both end with NULL. */
extern const struct weir_stage_type *const weir__builtin_stages[];
extern const struct weir_endpoint_type *const weir__builtin_endpoints[];

/* The rule of its kind that a type breaks, as it stands behind "the type '…' "; NULL: none. */
const char *weir__stage_fault(const struct weir_stage_type *type);
const char *weir__endpoint_fault(const struct weir_endpoint_type *type);

/* Registers all of these, or none. Both lists end with NULL; NULL: none. Returns 0, -EINVAL, -EEXIST or
 * -ENOMEM, in words in err. */
int weir__register_all(const struct weir_stage_type *const *stages,
		       const struct weir_endpoint_type *const *endpoints, struct weir_error *err);

#endif
