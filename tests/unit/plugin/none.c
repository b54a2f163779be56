/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no plugin. */
extern const int weir_nothing;
const int weir_nothing = 1;
