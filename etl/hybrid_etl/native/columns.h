/* Columns that grow value by value and leave through the Arrow C data interface. */
#ifndef HYBRID_ETL_COLUMNS_H
#define HYBRID_ETL_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arrow_abi.h"

#define EXPORTED __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The numbers of hybrid_etl/columns.py, class Kind. */
enum kind {
    KIND_BOOL, KIND_INT8, KIND_INT16, KIND_INT32, KIND_INT64,
    KIND_UINT8, KIND_UINT16, KIND_UINT32, KIND_UINT64,
    KIND_FLOAT32, KIND_FLOAT64, KIND_DECIMAL128, KIND_DECIMAL256,
    KIND_DATE32, KIND_TIME64, KIND_TIMESTAMP, KIND_STRING, KIND_BINARY,
    KIND_UUID, KIND_JSONB, KIND_BIT, KIND_GEOMETRY, KIND_LIST
};

/* The numbers of hybrid_etl/native/library.py, REASONS. Zero: the value was taken. */
enum reason {
    TAKEN, NOT_A_NUMBER, POSITIVE_INFINITY, NEGATIVE_INFINITY, TOO_MANY_PLACES, TOO_MANY_DIGITS,
    INFINITE_TIME, TIME_BEYOND, MIDNIGHT_24, NOT_UTF8, UNKNOWN_JSONB, DIMENSIONS, LOWER_BOUND,
    IMPOSSIBLE_DATE, OUTSIDE_DAY,
    OUT_OF_MEMORY = 100, MALFORMED = 101
};

struct column {
    int32_t kind, precision, scale;
    int32_t width;         /* bytes of a fixed-width value; 0: variable; -1: bits */
    int32_t wire_width;    /* MySQL: bytes of a fixed-width value on the wire; 0: a length comes first */
    int64_t rows, capacity, nulls;
    uint8_t *validity;     /* absent while nothing is null */
    uint8_t *data;
    int64_t bytes, data_capacity;
    int32_t *offsets;
    int64_t last_rows, last_bytes; /* what the batch before held: the next begins with room for as much */
    int64_t refused, longest; /* longest: bytes of the longest value of varying length */
    struct column *element;
};

struct decoder {
    int32_t width;
    bool fail;             /* the policy: end at the first value that no type can hold */
    bool begun, ended;     /* PostgreSQL: header and trailer of the copy were seen */
    int16_t sequence;      /* MySQL: number of the next packet, -1 before the first */
    int64_t rows, rows_before, wire_bytes;
    int32_t fault_column, fault_reason;
    struct column *columns;
};

/* What a read came to: hybrid_etl/native/library.py has the same numbers. */
enum outcome { MORE = 0, FULL = 1, END = 2, SERVER_ERROR = 3, FAULT = -1 };

void column_open(struct column *column, int32_t kind, int32_t precision, int32_t scale, int32_t wire_width);
void column_close(struct column *column);
int column_grow(struct column *column, int64_t data_bytes);
int column_null(struct column *column);
int column_bool(struct column *column, bool value);
int array_open(struct ArrowArray *array, int64_t length, int64_t buffers, int64_t children);
int column_export(struct column *column, struct ArrowArray *array);
bool is_utf8(const uint8_t *text, int64_t length);

/* Room for one more row, and for `data_bytes` where values vary in length. */
static inline int column_reserve(struct column *column, int64_t data_bytes) {
    if (LIKELY(column->rows < column->capacity && column->bytes + data_bytes <= column->data_capacity)) return TAKEN;
    return column_grow(column, data_bytes);
}

static inline void column_present(struct column *column) {
    if (column->validity) column->validity[column->rows >> 3] |= (uint8_t)(1u << (column->rows & 7));
}

#define COLUMN_FIXED(NAME, TYPE)                                                                       \
    static inline int NAME(struct column *column, TYPE value) {                                        \
        if (UNLIKELY(column->rows >= column->capacity) && column_grow(column, 0)) return OUT_OF_MEMORY; \
        column_present(column);                                                                        \
        memcpy(column->data + column->rows * (int64_t)sizeof value, &value, sizeof value);             \
        column->rows++;                                                                                \
        return TAKEN;                                                                                  \
    }

struct sixteen { uint64_t limbs[2]; };
struct thirty_two { uint64_t limbs[4]; };
COLUMN_FIXED(column_1, uint8_t)
COLUMN_FIXED(column_2, uint16_t)
COLUMN_FIXED(column_4, uint32_t)
COLUMN_FIXED(column_8, uint64_t)
COLUMN_FIXED(column_16, struct sixteen)
COLUMN_FIXED(column_32, struct thirty_two)

static inline int column_bytes(struct column *column, const uint8_t *value, int64_t length) {
    if (UNLIKELY(column_reserve(column, length))) return OUT_OF_MEMORY;
    column_present(column);
    if (LIKELY(length)) memcpy(column->data + column->bytes, value, (size_t)length);
    if (UNLIKELY(length > column->longest)) column->longest = length;
    column->bytes += length;
    column->rows++;
    column->offsets[column->rows] = (int32_t)column->bytes;
    return TAKEN;
}

/* Copy a text, eight bytes at a time with an overlapping end, and say whether it has a byte beyond ASCII. */
static inline bool copy_text(uint8_t *target, const uint8_t *text, int64_t length) {
    uint64_t eight, seen = 0;
    if (length >= 8) {
        for (int64_t at = 0; at + 8 < length; at += 8) {
            memcpy(&eight, text + at, 8);
            memcpy(target + at, &eight, 8);
            seen |= eight;
        }
        memcpy(&eight, text + length - 8, 8);
        memcpy(target + length - 8, &eight, 8);
        return ((seen | eight) & 0x8080808080808080ull) != 0;
    }
    for (int64_t at = 0; at < length; at++) {
        target[at] = text[at];
        seen |= text[at];
    }
    return (seen & 0x80) != 0;
}

static inline int column_text(struct column *column, const uint8_t *value, int64_t length) {
    if (UNLIKELY(column_reserve(column, length))) return OUT_OF_MEMORY;
    if (UNLIKELY(copy_text(column->data + column->bytes, value, length)) && !is_utf8(value, length)) return NOT_UTF8;
    if (UNLIKELY(length > column->longest)) column->longest = length;
    column_present(column);
    column->bytes += length;
    column->rows++;
    column->offsets[column->rows] = (int32_t)column->bytes;
    return TAKEN;
}

/* Count a value that was not taken as a null, or say that the run must end. */
bool decoder_refuse(struct decoder *decoder, int32_t index, int reason);

#endif
