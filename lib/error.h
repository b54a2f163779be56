/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__ERROR_H
#define WEIR__ERROR_H

#include <weir/error.h>

void weir__error_clear(struct weir_error *err);

/* Sets the prefix of the problems that follow: "outbound/filter". */
void weir__error_at(struct weir_error *err, const char *format, ...) WEIR_PRINTF(2, 3);

/*
 * What a function of a stage or an endpoint returned, which may be an error that it has not put into words:
 * then it is now. before: err->problems when it was called. Returns code.
 */
int weir__error_word(struct weir_error *err, unsigned before, int code);

#endif
