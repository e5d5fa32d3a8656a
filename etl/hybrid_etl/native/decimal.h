/* Decimals as Arrow holds them: a little-endian two's complement integer, scaled. */
#ifndef HYBRID_ETL_DECIMAL_H
#define HYBRID_ETL_DECIMAL_H

#include "columns.h"

/* A magnitude of up to 256 bits. */
struct magnitude { uint64_t limbs[4]; };

extern const uint64_t POWERS_OF_TEN[20];

void magnitude_shift_in(struct magnitude *magnitude, uint64_t factor, uint64_t digits);
int column_decimal(struct column *column, struct magnitude *magnitude, bool negative);

/* The common case: a magnitude below 2**64. */
static inline int column_small_decimal(struct column *column, uint64_t magnitude, bool negative) {
    uint64_t low = negative ? -magnitude : magnitude, high = negative && magnitude ? UINT64_MAX : 0;
    if (LIKELY(column->kind == KIND_DECIMAL128)) return column_16(column, (struct sixteen){{low, high}});
    return column_32(column, (struct thirty_two){{low, high, high, high}});
}

#endif
