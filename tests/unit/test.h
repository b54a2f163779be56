/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka and what it needs before it. */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define countof(array) (sizeof(array) / sizeof((array)[0]))

#endif
