/* SPDX-License-Identifier: Apache-2.0 */
/* Types from a shared object. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <weir/plugin.h>

#include "error.h"
#include "registry.h"

static int check_abi(const struct weir_plugin *plugin, const char *path, struct weir_error *err)
{
	static const struct {
		const char *name;
		uint32_t size;
	} own[] = {
		{ "weir_buf", sizeof(struct weir_buf) },
		{ "weir_reader", sizeof(struct weir_reader) },
		{ "weir_writer", sizeof(struct weir_writer) },
		{ "weir_stage_type", sizeof(struct weir_stage_type) },
		{ "weir_endpoint_type", sizeof(struct weir_endpoint_type) },
		{ "weir_session_type", sizeof(struct weir_session_type) },
	};

	/* With another one nothing behind it needs to be where it is here. */
	if (plugin->abi != WEIR_ABI)
		return weir_failed(err, -EPROTO, "%s was made for ABI %u, and this is %d", path, plugin->abi,
				   WEIR_ABI);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (plugin->sizes[i] != own[i].size)
			return weir_failed(err, -EPROTO,
					   "%s was made where a struct %s has %u bytes, and here it has %u",
					   path, own[i].name, plugin->sizes[i], own[i].size);
	return 0;
}

static int load(const char *path, void *object, struct weir_error *err)
{
	const struct weir_plugin *plugin = dlsym(object, "weir_plugin");
	int rc;

	if (!plugin)
		return weir_failed(err, -ENOEXEC, "%s is no plugin: it has no weir_plugin", path);
	rc = check_abi(plugin, path, err);
	return rc < 0 ? rc : weir__register_all(plugin->stages, plugin->endpoints, err);
}

int weir_plugin_load(const char *path, struct weir_error *err)
{
	void *object;
	int rc;

	if (err)
		weir__error_clear(err);
	if (!strchr(path, '/'))
		return weir_failed(err, -EINVAL, "'%s' has no slash, and nothing is searched for", path);
	if (access(path, F_OK) < 0)
		return weir_failed(err, -errno, "%s: %s", path, strerror(errno));
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		return weir_failed(err, -ENOEXEC, "%s", dlerror());
	rc = load(path, object, err);
	/* What it has registered is used until the process ends. */
	if (rc < 0)
		dlclose(object);
	return rc;
}
