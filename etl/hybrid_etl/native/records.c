/* Records of CSV, counted in its own bytes (RFC 4180; lines end with a line feed, and one within quotes ends none). */
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "columns.h"

/* A bit for each of 64 bytes: whether it is the sign. */
static uint64_t matches(const uint8_t *data, char sign) {
    uint64_t found = 0;
#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi8(sign);
    for (int n = 0; n < 4; n++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(data + 16 * n));
        found |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(part, wanted)) << (16 * n);
    }
#else
    for (int n = 0; n < 64; n++) found |= (uint64_t)(data[n] == (uint8_t)sign) << n;
#endif
    return found;
}

/* Records that end in these bytes. `quoted`, 0 or 1, says whether they begin within quotes, and then whether they end
 * so: of a pair of quotes with nothing between, neither changes it. */
EXPORTED int64_t hetl_csv_records(const uint8_t *data, int64_t length, uint8_t *quoted) {
    int64_t records = 0, at = 0;
    uint64_t within = *quoted ? ~(uint64_t)0 : 0;
    for (; at + 64 <= length; at += 64) {
        /* Bit n: whether an odd number of quotes stands at or before n. */
        uint64_t odd = matches(data + at, '"');
        for (int step = 1; step < 64; step *= 2) odd ^= odd << step;
        odd ^= within;
        records += __builtin_popcountll(matches(data + at, '\n') & ~odd);
        within = odd >> 63 ? ~(uint64_t)0 : 0;
    }
    *quoted = within != 0;
    for (; at < length; at++) {
        if (data[at] == '"') *quoted ^= 1;
        if (data[at] == '\n' && !*quoted) records++;
    }
    return records;
}
