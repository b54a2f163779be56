/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that choose the queue of a TUN device, for steering.c. Without a header, so that any clang will
 * do. */

#define PORT 22 /* of a UDP or TCP packet over IPv4 without options: the destination's */

extern unsigned long long load_half(void *packet, unsigned long long offset) asm("llvm.bpf.load.half");

__attribute__((section("socket"), used)) int by_port(void *packet)
{
	return (int)load_half(packet, PORT);
}

/* Section names are what the author likes. */
__attribute__((section("steering"), used)) int always_one(void *packet)
{
	(void)packet;
	return 1;
}

/* The verifier does not let it. */
__attribute__((section("socket"), used)) int beyond_the_end(char *packet)
{
	return *(int *)(packet + 4096);
}
