/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place where it matters which thread comes first. Nothing in a library; in the simulation of tests/sim,
 * where another thread may go on instead.
 */
#ifndef WEIR__POINT_H
#define WEIR__POINT_H

#ifdef WEIR__SIM
void weir__point(const char *what);
#else
#define weir__point(what) ((void)0)
#endif

#endif
