/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-0, the withdrawn first form of SHA-1 (FIPS 180 of 1993). Broken as a hash, and what the protocol wants
 * for passwords; libraries of cryptography no longer have it.
 */
#ifndef WEIR_SE_SHA0_H
#define WEIR_SE_SHA0_H

#include <stddef.h>
#include <stdint.h>

#define WEIR__SE_SHA0_SIZE 20

/* Of a and then b. Leaves nothing of them on the stack. */
void weir__se_sha0(const void *a, size_t a_n, const void *b, size_t b_n, uint8_t digest[WEIR__SE_SHA0_SIZE]);

#endif
