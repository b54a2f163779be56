/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/null.h>

static int null_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)options;
	(void)err;
	info->layer = WEIR_LAYER_ANY;
	return 0;
}

static int null_open(void *state, const void *options, struct weir_endpoint_info *info,
		     struct weir_error *err)
{
	(void)state;
	(void)options;
	(void)info;
	(void)err;
	return 0;
}

static uint32_t null_write(void *state, struct weir_writer *writer)
{
	(void)state;
	return writer->n;
}

static const struct weir_option options[] = {
	{ 0 },
};

const struct weir_endpoint_type weir_null_type = {
	.name = "null",
	.help = "takes everything and gives nothing",
	.options = options,
	.options_size = sizeof(struct weir_null),
	.check = null_check,
	.open = null_open,
	.write = null_write,
};
