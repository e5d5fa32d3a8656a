/* Binary rows of the MySQL protocol as columns, from bytes that Python has read off the connection.
 *
 * Layouts: MySQL Internals, "Binary Protocol Resultset Row" and "Binary Protocol Value". */
#include <string.h>

#include "columns.h"
#include "decimal.h"
#include "mysql.h"

#define LARGEST_PACKET 0xFFFFFF
#define HEADER 4

int32_t mysql_fixed_width(int32_t wire) {
    switch (wire) {
    case 1: return 1;
    case 2: case 13: return 2;
    case 3: case 4: case 9: return 4;
    case 5: case 8: return 8;
    default: return 0;
    }
}

/* A decimal as the server writes it: all places of its scale, up to 18 digits. Gives false for any other. */
static bool plain_decimal(const struct column *column, const uint8_t *data, int64_t length, uint64_t *magnitude) {
    int64_t point = column->scale ? length - column->scale - 1 : length;
    if (point < 1 || length > 18 || column->precision > 18 || (column->scale && data[point] != '.')) return false;
    uint64_t found = 0;
    uint32_t wrong = 0;
    for (int64_t at = 0; at < length; at++) {
        if (at == point) continue;
        uint32_t digit = (uint32_t)data[at] - '0';
        wrong |= digit > 9;
        found = found * 10 + digit;
    }
    *magnitude = found;
    return !wrong && found < POWERS_OF_TEN[column->precision];
}

static int decimal(struct column *column, const uint8_t *data, int64_t length) {
    bool minus = length && data[0] == '-';
    uint64_t plain;
    if (LIKELY(plain_decimal(column, data + minus, length - minus, &plain)))
        return column_small_decimal(column, plain, minus);
    struct magnitude magnitude = {{0, 0, 0, 0}};
    bool negative = length && data[0] == '-', fraction = false;
    int32_t places = 0, digits = 0;
    uint64_t part = 0;
    int32_t part_digits = 0;
    for (int64_t at = negative ? 1 : 0; at < length; at++) {
        if (data[at] == '.' && !fraction) { fraction = true; continue; }
        if (data[at] < '0' || data[at] > '9') return MALFORMED;
        if (fraction && ++places > column->scale) return TOO_MANY_PLACES;
        digits += digits || data[at] != '0';
        part = part * 10 + (uint64_t)(data[at] - '0');
        if (++part_digits == 18) {
            magnitude_shift_in(&magnitude, POWERS_OF_TEN[18], part);
            part = 0;
            part_digits = 0;
        }
    }
    if (length - negative - fraction < 1) return MALFORMED;
    if (digits + column->scale - places > column->precision) return TOO_MANY_DIGITS;
    /* All digits are in `part`: none was shifted into the magnitude yet. */
    if (LIKELY(part_digits + fraction + negative == length && places == column->scale))
        return column_small_decimal(column, part, negative);
    magnitude_shift_in(&magnitude, POWERS_OF_TEN[part_digits], part);
    for (int32_t rest = column->scale - places; rest > 0; rest -= 18)
        magnitude_shift_in(&magnitude, POWERS_OF_TEN[rest < 18 ? rest : 18], 0);
    return column_decimal(column, &magnitude, negative);
}

/* Days since 1970 of a proleptic Gregorian date: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int days_of(const uint8_t *data, int64_t length, int64_t *days) {
    static const uint8_t MONTHS[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (length < 4) return IMPOSSIBLE_DATE;
    int32_t year = data[0] | data[1] << 8, month = data[2], day = data[3];
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > MONTHS[month - 1]) return IMPOSSIBLE_DATE;
    if (month == 2 && day == 29 && !leap) return IMPOSSIBLE_DATE;
    int32_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int32_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    *days = (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return TAKEN;
}

static uint32_t fraction_of(const uint8_t *data) {
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static int temporal(struct column *column, const uint8_t *data, int64_t length) {
    int64_t instant = 0;
    if (column->kind == KIND_TIME64) {
        if (length == 0) return column_8(column, 0);
        if (length != 8 && length != 12) return MALFORMED;
        if (data[0] || fraction_of(data + 1) || data[5] > 23) return OUTSIDE_DAY;
        instant = ((int64_t)data[5] * 3600 + data[6] * 60 + data[7]) * 1000000;
        if (length >= 12) instant += fraction_of(data + 8);
        return column_8(column, (uint64_t)instant);
    }
    if (length != 0 && length != 4 && length != 7 && length != 11) return MALFORMED;
    int64_t days;
    int reason = days_of(data, length, &days);
    if (reason) return reason;
    if (column->kind == KIND_DATE32) {
        int32_t date = (int32_t)days;
        return column_4(column, (uint32_t)date);
    }
    instant = days * 86400000000ll;
    if (length >= 7) instant += ((int64_t)data[4] * 3600 + data[5] * 60 + data[6]) * 1000000;
    if (length >= 11) instant += fraction_of(data + 7);
    return column_8(column, (uint64_t)instant);
}

/* Little-endian, as Arrow has it on the machines this runs on; a MEDIUMINT comes as four bytes. */
static int integer(struct column *column, const uint8_t *data, int64_t length) {
    if (length < column->width) return MALFORMED;
    uint64_t eight;
    uint32_t four;
    uint16_t two;
    switch (column->width) {
    case 8: memcpy(&eight, data, 8); return column_8(column, eight);
    case 4: memcpy(&four, data, 4); return column_4(column, four);
    case 2: memcpy(&two, data, 2); return column_2(column, two);
    default: return column_1(column, data[0]);
    }
}

static int value(struct column *column, const uint8_t *data, int64_t length) {
    switch (column->kind) {
    case KIND_DECIMAL128:
    case KIND_DECIMAL256: return decimal(column, data, length);
    case KIND_STRING: return column_text(column, data, length);
    case KIND_BINARY: return column_bytes(column, data, length);
    case KIND_DATE32:
    case KIND_TIME64:
    case KIND_TIMESTAMP: return temporal(column, data, length);
    case KIND_GEOMETRY: return length < 4 ? MALFORMED : column_bytes(column, data + 4, length - 4);
    case KIND_BOOL: {
        /* One byte of a stored bit(1), or the eight of a number that the server made of a computed one. */
        bool set = false;
        for (int64_t n = 0; n < length; n++) set |= data[n] != 0;
        return column_bool(column, set);
    }
    case KIND_BIT: {
        uint64_t bits = 0;
        if (length > 8) return MALFORMED;
        for (int64_t n = 0; n < length; n++) bits = bits << 8 | data[n];
        return column_8(column, bits);
    }
    default: return integer(column, data, length);
    }
}

static bool length_of(const uint8_t **at, const uint8_t *end, int64_t *length) {
    if (*at >= end) return false;
    uint8_t first = *(*at)++;
    if (first < 251) { *length = first; return true; }
    int width = first == 252 ? 2 : first == 253 ? 3 : first == 254 ? 8 : 0;
    if (!width || end - *at < width) return false;
    uint64_t found = 0;
    for (int n = 0; n < width; n++) found |= (uint64_t)(*at)[n] << (8 * n);
    *at += width;
    *length = (int64_t)found;
    return found <= INT64_MAX;
}

/* Bytes that are no row; a value that its column cannot be made of has the column's number instead. */
static int malformed(struct decoder *decoder) {
    decoder->fault_column = -1;
    decoder->fault_reason = MALFORMED;
    return FAULT;
}

static int row(struct decoder *decoder, const uint8_t *payload, int64_t size) {
    const uint8_t *end = payload + size, *nulls = payload + 1, *at = nulls + (decoder->width + 9) / 8;
    if (payload[0] != 0 || at > end) return malformed(decoder);
    for (int32_t n = 0; n < decoder->width; n++) {
        struct column *column = &decoder->columns[n];
        int reason;
        if (nulls[(n + 2) / 8] >> ((n + 2) % 8) & 1) {
            reason = column_null(column);
        } else {
            int64_t length = column->wire_width;
            if (!length && !length_of(&at, end, &length)) return malformed(decoder);
            if (length > end - at) return malformed(decoder);
            reason = value(column, at, length);
            at += length;
        }
        if (UNLIKELY(reason) && !decoder_refuse(decoder, n, reason)) return FAULT;
    }
    if (at != end) return malformed(decoder);
    decoder->rows++;
    decoder->wire_bytes += size;
    return MORE;
}

/* Find a whole packet at `data`; one of several pieces is joined later. MORE: bytes are missing, and `whole` says how
 * many are known to be needed. The pieces' numbers must follow each other: a lost or doubled one is a fault. */
static int packet(const uint8_t *data, int64_t available, int16_t *sequence, int64_t *payload, int64_t *whole) {
    *payload = *whole = 0;
    for (;;) {
        const uint8_t *header = data + *whole;
        if (available - *whole < HEADER) { *whole += HEADER; return MORE; }
        int64_t length = header[0] | header[1] << 8 | header[2] << 16;
        if (*sequence >= 0 && header[3] != *sequence) return FAULT;
        *sequence = (int16_t)((header[3] + 1) & 0xFF);
        *whole += HEADER + length;
        *payload += length;
        if (available < *whole) return MORE;
        if (length < LARGEST_PACKET) return FULL;
    }
}

static void join(uint8_t *data, int64_t payload) {
    uint8_t *target = data + HEADER + LARGEST_PACKET;
    const uint8_t *source = target;
    for (int64_t left = payload - LARGEST_PACKET; left > 0;) {
        int64_t length = source[0] | source[1] << 8 | source[2] << 16;
        memmove(target, source + HEADER, (size_t)length);
        target += length;
        source += HEADER + length;
        left -= length;
    }
}

/* Number the packets from the one that follows what Python has read. */
EXPORTED void hetl_mysql_begin(struct decoder *decoder, int32_t sequence) { decoder->sequence = (int16_t)(sequence & 0xFF); }

/* Take whole packets from `data`; `consumed` says how many bytes they were, `needed` how many the next one has at the
 * least where its end is missing. The final packet is left in place. */
EXPORTED int32_t hetl_mysql_feed(struct decoder *decoder, uint8_t *data, int64_t available, int64_t batch_bytes,
                                 int64_t *consumed, int64_t *needed) {
    *consumed = *needed = 0;
    while (decoder->wire_bytes < batch_bytes) {
        uint8_t *at = data + *consumed;
        int64_t payload, whole;
        int16_t sequence = decoder->sequence;
        int found = packet(at, available - *consumed, &sequence, &payload, &whole);
        if (found == MORE) { *needed = whole; return MORE; }
        if (found == FAULT || payload < 1) return malformed(decoder);
        decoder->sequence = sequence;
        if (at[HEADER] == 0xFF) return SERVER_ERROR;
        if (at[HEADER] == 0xFE && payload < 9) return END;
        if (payload >= LARGEST_PACKET) join(at, payload);
        int outcome = row(decoder, at + HEADER, payload);
        if (outcome != MORE) return outcome;
        *consumed += whole;
    }
    return FULL;
}
