/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__ERROR_H
#define WEIR__ERROR_H

#include <weir/error.h>

void weir__error_clear(struct weir_error *err);

/* Sets the prefix of the problems that follow: "outbound/filter". */
void weir__error_at(struct weir_error *err, const char *format, ...) WEIR_PRINTF(2, 3);

#endif
