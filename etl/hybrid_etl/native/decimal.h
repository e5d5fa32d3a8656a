/* Decimals as Arrow holds them: a little-endian two's complement integer, scaled. */
#ifndef HYBRID_ETL_DECIMAL_H
#define HYBRID_ETL_DECIMAL_H

#include "columns.h"

/* A magnitude of up to 256 bits. */
struct magnitude { uint64_t limbs[4]; };

extern const uint64_t POWERS_OF_TEN[20];

void magnitude_shift_in(struct magnitude *magnitude, uint64_t factor, uint64_t digits);
int column_small_decimal(struct column *column, uint64_t magnitude, bool negative);
int column_decimal(struct column *column, struct magnitude *magnitude, bool negative);

#endif
