/* SPDX-License-Identifier: Apache-2.0 */
/* The options of stages and endpoints, by the tables of their types. */
#ifndef WEIR__OPTION_H
#define WEIR__OPTION_H

#include <weir/endpoint.h>

/* Names for tables. No option gives WEIR_LAYER_ANY: there, 0 is the default. */
extern const struct weir_option_value weir__layer_values[];
extern const struct weir_option_value weir__framing_values[];

/* Whether all members that the table names are the same: strings, lists and rows by content, objects by
 * address. */
bool weir__options_equal(const struct weir_option *table, const void *a, const void *b);

/*
 * A deep copy in one piece, which one free() ends; NULL without memory. The type has a table. Also copies the
 * name and, of a stage, the exits. Whatever the table does not name is 0 in the copy, so that no pointer of
 * the caller's survives but those to objects.
 */
void *weir__stage_options_copy(const struct weir_stage_type *type, const void *options);
void *weir__endpoint_options_copy(const struct weir_endpoint_type *type, const void *options);

#endif
