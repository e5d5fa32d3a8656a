/* Decimals as Arrow holds them: a little-endian two's complement integer, scaled. */
#include "decimal.h"

const uint64_t POWERS_OF_TEN[20] = {
    1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull,
    1000000000ull, 10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull,
    100000000000000ull, 1000000000000000ull, 10000000000000000ull, 100000000000000000ull,
    1000000000000000000ull, 10000000000000000000ull,
};

/* magnitude = magnitude * factor + digits; the caller knows that 256 bits are enough. */
void magnitude_shift_in(struct magnitude *magnitude, uint64_t factor, uint64_t digits) {
    unsigned __int128 carry = digits;
    for (int n = 0; n < 4; n++) {
        carry += (unsigned __int128)magnitude->limbs[n] * factor;
        magnitude->limbs[n] = (uint64_t)carry;
        carry >>= 64;
    }
}

int column_decimal(struct column *column, struct magnitude *magnitude, bool negative) {
    if (negative) {
        unsigned __int128 carry = 1;
        for (int n = 0; n < 4; n++) {
            carry += (uint64_t)~magnitude->limbs[n];
            magnitude->limbs[n] = (uint64_t)carry;
            carry >>= 64;
        }
    }
    if (column->kind == KIND_DECIMAL128)
        return column_16(column, (struct sixteen){{magnitude->limbs[0], magnitude->limbs[1]}});
    struct thirty_two all;
    memcpy(&all, magnitude->limbs, sizeof all);
    return column_32(column, all);
}
