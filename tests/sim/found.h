/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FOUND_H
#define SIM_FOUND_H

/* This process has found something. Of several, only the first comes back to say so. */
void sim_claim(void);

/* Prints the run that found something, and how to repeat it; ends the process. */
_Noreturn void sim_report(void);

#endif
