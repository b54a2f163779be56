/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

/* Prints the run that found something, and how to repeat it; ends the process. */
_Noreturn void sim_report(void);

#endif
