/* SPDX-License-Identifier: Apache-2.0 */
/* The types of stages and endpoints by name. */
#ifndef WEIR__REGISTRY_H
#define WEIR__REGISTRY_H

#include <weir/endpoint.h>
#include <weir/stage.h>

/* Both end with NULL. */
extern const struct weir_stage_type *const weir__builtin_stages[];
extern const struct weir_endpoint_type *const weir__builtin_endpoints[];

#endif
