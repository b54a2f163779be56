/* SPDX-License-Identifier: Apache-2.0 */
/* Which sanitizers watch: a test that counts to a million counts less far under one. */
#ifndef WEIR_TEST_SANITIZER_H
#define WEIR_TEST_SANITIZER_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#endif

#ifdef TEST_SANITIZED
#define TEST_ROUNDS(n) ((n) / 20)
#else
#define TEST_ROUNDS(n) (n)
#endif

#endif
