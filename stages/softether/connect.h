/* SPDX-License-Identifier: Apache-2.0 */
/* How a session comes up, and gets further connections. Session's thread. */
#ifndef WEIR_SE_CONNECT_H
#define WEIR_SE_CONNECT_H

#include "state.h"

/* With the settings of the state: goes on with a session that lost its connections, or logs in. */
int weir__se_connect(struct weir__se_state *state, struct weir_error *err);
/* Another connection of the session. */
int weir__se_extend(struct weir__se_state *state, struct weir_error *err);

#endif
