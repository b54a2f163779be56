/* SPDX-License-Identifier: Apache-2.0 */
/* A program of somebody else, in C and in C++: it finds the built-in types, also in the archive. */
#include <weir/weir.h>

int main(void)
{
	return weir_endpoint_find("null") == &weir_null_type ? 0 : 1;
}
