/* SPDX-License-Identifier: Apache-2.0 */
/* What a change keeps, makes, changes and removes. */
#ifndef WEIR__REPORT_H
#define WEIR__REPORT_H

#include <weir/change.h>

#include "shape.h"

/* The items of the way from one shape to another; the numbers are left 0. NULL: no memory. */
struct weir_report *weir__report_make(const struct weir__shape *old, const struct weir__shape *new,
				      bool grows);

#endif
