/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__MAC_FILTER_H
#define WEIR__MAC_FILTER_H

#include <weir/mac_filter.h>

/* weir_mac_filter_add() and _remove() for the state of a stage. One thread at a time. */
int weir__mac_filter_add(void *memory, enum weir_mac_list list, const char *entry, struct weir_error *err);
int weir__mac_filter_remove(void *memory, enum weir_mac_list list, const char *entry, struct weir_error *err);

#endif
