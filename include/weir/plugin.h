/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages, endpoints and sessions in a shared object of their own, loaded by its path:
 *
 *	static const struct weir_endpoint_type *const endpoints[] = { &weir_my_type, NULL };
 *	WEIR_PLUGIN(.name = "my", .endpoints = endpoints);
 *
 *	cc -shared -fPIC -o my.so my.c $(pkg-config --cflags --libs weir)
 */
#ifndef WEIR_PLUGIN_H
#define WEIR_PLUGIN_H

#include <weir/session.h>

WEIR_BEGIN_DECLS

/* Changes with whatever would make a plugin that was compiled before do something else than it says. */
#define WEIR_ABI 1

struct weir_plugin {
	uint32_t abi;      /* WEIR_ABI */
	uint32_t sizes[6]; /* of buf, reader, writer, stage type, endpoint type and session type */
	const char *name;
	const struct weir_stage_type *const *stages;       /* ends with NULL; NULL: none */
	const struct weir_endpoint_type *const *endpoints; /* the same */
};

#define WEIR_PLUGIN(...)                                                                                    \
	extern const struct weir_plugin weir_plugin WEIR_API;                                               \
	const struct weir_plugin weir_plugin = {                                                            \
		.abi = WEIR_ABI,                                                                            \
		.sizes = { sizeof(struct weir_buf), sizeof(struct weir_reader), sizeof(struct weir_writer), \
			   sizeof(struct weir_stage_type), sizeof(struct weir_endpoint_type),               \
			   sizeof(struct weir_session_type) },                                              \
		__VA_ARGS__                                                                                 \
	}

/*
 * Loads the shared object and registers all its types, or none; they stay until the process ends. path must
 * have a slash: nothing is searched for. Returns 0; -EINVAL (it has none, or a type breaks a rule); -ENOENT;
 * -ENOEXEC (no shared object, or one without weir_plugin); -EPROTO (made for another ABI: the words say
 * which); -EEXIST (a type of that name is known). Control threads.
 */
WEIR_API int weir_plugin_load(const char *path, struct weir_error *err);

WEIR_END_DECLS

#endif
