/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the options of a stage or an endpoint are, so that they can be compared, copied and printed by who
 *does not know them: a table of all members of the struct.
 *
 *	static const struct weir_option options[] = {
 *		WEIR_OPTION(struct clamp, mss, U32, "bytes of a segment at the most"),
 *		{ 0 },
 *	};
 *
 * The compiler checks that a member is of the kind that the row says.
 */
#ifndef WEIR_OPTION_H
#define WEIR_OPTION_H

#include <weir/base.h>

WEIR_BEGIN_DECLS

enum weir_option_kind {
	WEIR_OPTION_BOOL = 0,
	WEIR_OPTION_U16,
	WEIR_OPTION_U32,
	WEIR_OPTION_U64,
	WEIR_OPTION_I64,
	WEIR_OPTION_INT,
	WEIR_OPTION_DOUBLE,
	WEIR_OPTION_STRING, /* const char *; NULL: not given */
	WEIR_OPTION_LIST,   /* a WEIR_LIST; NULL: not given, which is something else than an empty one */
	WEIR_OPTION_OBJECT, /* a pointer to what lives longer than the pipeline: the same address is the same
			       object */
	WEIR_OPTION_ENUM,   /* made by WEIR_ENUM_OPTION */
	WEIR_OPTION_ROWS,   /* made by WEIR_ROWS_OPTION */
	WEIR_OPTION_ARRAY,  /* made by WEIR_ARRAY_OPTION */
};

/* A value of an enum by its name. */
struct weir_option_value {
	const char *name;
	int value;
};

struct weir_option {
	const char *name; /* of the member; NULL ends the table */
	enum weir_option_kind kind;
	size_t offset;
	const char *help; /* one line */

	const struct weir_option_value *values; /* of an enum; ends with a NULL name. A 0 that has no name is
						   an option that is not given */
	const struct weir_option *row;          /* the members of a row of rows or of an array */
	size_t row_size;
	size_t rows_max; /* of an array */
};

#define WEIR_OPTION(struct_, member_, kind_, help_)                                \
	{                                                                          \
		.name = #member_, .kind = WEIR_OPTION_##kind_,                     \
		.offset = WEIR__OPTION_IS_##kind_(struct_, member_), .help = help_ \
	}

/* values_: a table of struct weir_option_value. */
#define WEIR_ENUM_OPTION(struct_, member_, values_, help_)                                     \
	{                                                                                      \
		.name = #member_, .kind = WEIR_OPTION_ENUM,                                    \
		.offset = WEIR__OPTION_HAS_SIZE(struct_, member_, sizeof(int)), .help = help_, \
		.values = values_                                                              \
	}

/* A pointer to structs. row_ is the table of one; they end with one whose first option in row_ is 0. NULL is
 * something else than no rows. */
#define WEIR_ROWS_OPTION(struct_, member_, row_, help_)                                           \
	{                                                                                         \
		.name = #member_, .kind = WEIR_OPTION_ROWS,                                       \
		.offset = WEIR__OPTION_HAS_SIZE(struct_, member_, sizeof(void *)), .help = help_, \
		.row = row_, .row_size = sizeof(*((struct_ *)0)->member_)                         \
	}

/* The same for an array within the struct, which ends with such a row only if it is not full. */
#define WEIR_ARRAY_OPTION(struct_, member_, row_, help_)                                           \
	{                                                                                          \
		.name = #member_, .kind = WEIR_OPTION_ARRAY, .offset = offsetof(struct_, member_), \
		.help = help_, .row = row_, .row_size = sizeof(((struct_ *)0)->member_[0]),        \
		.rows_max = sizeof(((struct_ *)0)->member_) / sizeof(((struct_ *)0)->member_[0])   \
	}

/* The offset of the member if it is of that type; else the compiler says that no association fits. */
#define WEIR__OPTION_HAS_TYPE(struct_, member_, type_) \
	_Generic(&((struct_ *)0)->member_, type_ * : offsetof(struct_, member_))
/* The same by size alone; else the compiler says that an array has a negative size. */
#define WEIR__OPTION_HAS_SIZE(struct_, member_, size_) \
	(offsetof(struct_, member_) + 0 * sizeof(char[sizeof(((struct_ *)0)->member_) == (size_) ? 1 : -1]))

#define WEIR__OPTION_IS_BOOL(struct_, member_)   WEIR__OPTION_HAS_TYPE(struct_, member_, bool)
#define WEIR__OPTION_IS_U16(struct_, member_)    WEIR__OPTION_HAS_TYPE(struct_, member_, uint16_t)
#define WEIR__OPTION_IS_U32(struct_, member_)    WEIR__OPTION_HAS_TYPE(struct_, member_, uint32_t)
#define WEIR__OPTION_IS_U64(struct_, member_)    WEIR__OPTION_HAS_TYPE(struct_, member_, uint64_t)
#define WEIR__OPTION_IS_I64(struct_, member_)    WEIR__OPTION_HAS_TYPE(struct_, member_, int64_t)
#define WEIR__OPTION_IS_INT(struct_, member_)    WEIR__OPTION_HAS_TYPE(struct_, member_, int)
#define WEIR__OPTION_IS_DOUBLE(struct_, member_) WEIR__OPTION_HAS_TYPE(struct_, member_, double)
#define WEIR__OPTION_IS_STRING(struct_, member_) WEIR__OPTION_HAS_TYPE(struct_, member_, const char *)
#define WEIR__OPTION_IS_LIST(struct_, member_)   WEIR__OPTION_HAS_TYPE(struct_, member_, const char *const *)
#define WEIR__OPTION_IS_OBJECT(struct_, member_) WEIR__OPTION_HAS_SIZE(struct_, member_, sizeof(void *))

WEIR_END_DECLS

#endif
