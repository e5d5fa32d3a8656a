/* COPY BINARY and COPY CSV of PostgreSQL, read through libpq, as columns.
 *
 * Layouts: PostgreSQL manual, COPY, "Binary Format"; send functions in src/backend/utils/adt.
 * libpq is the one that psycopg has loaded and connected with: its functions come as pointers, so that
 * neither headers nor a second library are needed. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "columns.h"
#include "decimal.h"

#define DAYS_TO_2000 10957
#define MICROSECONDS_TO_2000 946684800000000ll
#define MICROSECONDS_OF_DAY 86400000000ll

struct libpq {
    int (*get_copy_data)(void *connection, char **buffer, int async);
    void (*free_memory)(void *buffer);
    int (*consume_input)(void *connection);
    int (*socket)(const void *connection);
};

static inline uint16_t be16(const uint8_t *at) { uint16_t v; memcpy(&v, at, 2); return __builtin_bswap16(v); }
static inline uint32_t be32(const uint8_t *at) { uint32_t v; memcpy(&v, at, 4); return __builtin_bswap32(v); }
static inline uint64_t be64(const uint8_t *at) { uint64_t v; memcpy(&v, at, 8); return __builtin_bswap64(v); }

static int decimal_digits(uint16_t group) { return group >= 1000 ? 4 : group >= 100 ? 3 : group >= 10 ? 2 : 1; }

static int numeric(struct column *column, const uint8_t *data, int32_t length) {
    if (length < 8) return MALFORMED;
    int32_t count = (int16_t)be16(data), weight = (int16_t)be16(data + 2);
    uint16_t sign = be16(data + 4);
    if (sign == 0xC000) return NOT_A_NUMBER;
    if (sign == 0xD000) return POSITIVE_INFINITY;
    if (sign == 0xF000) return NEGATIVE_INFINITY;
    if (count < 0 || length != 8 + 2 * count) return MALFORMED;
    const uint8_t *groups = data + 8;
    while (count && !be16(groups + 2 * (count - 1))) count--;
    while (count && !be16(groups)) { groups += 2; count--; weight--; }
    if (!count) return column_small_decimal(column, 0, false);
    int32_t shift = (weight - count + 1) * 4 + column->scale;
    uint16_t last = be16(groups + 2 * (count - 1));
    if (shift <= -4 || (shift < 0 && last % POWERS_OF_TEN[-shift])) return TOO_MANY_PLACES;
    if (weight * 4 + decimal_digits(be16(groups)) + column->scale > column->precision) return TOO_MANY_DIGITS;
    if (LIKELY(count <= 4 && shift <= 0)) {
        uint64_t small = 0;
        for (int32_t n = 0; n < count - 1; n++) small = small * 10000 + be16(groups + 2 * n);
        small = small * POWERS_OF_TEN[4 + shift] + last / POWERS_OF_TEN[-shift];
        return column_small_decimal(column, small, sign == 0x4000);
    }
    struct magnitude magnitude = {{0, 0, 0, 0}};
    for (int32_t n = 0; n < count - 1; n++) magnitude_shift_in(&magnitude, 10000, be16(groups + 2 * n));
    if (shift < 0) {
        magnitude_shift_in(&magnitude, POWERS_OF_TEN[4 + shift], last / POWERS_OF_TEN[-shift]);
    } else {
        magnitude_shift_in(&magnitude, 10000, last);
        for (; shift > 0; shift -= 18) magnitude_shift_in(&magnitude, POWERS_OF_TEN[shift < 18 ? shift : 18], 0);
    }
    return column_decimal(column, &magnitude, sign == 0x4000);
}

static int uuid(struct column *column, const uint8_t *data, int32_t length) {
    static const char HEX[] = "0123456789abcdef";
    uint8_t text[36];
    if (length != 16) return MALFORMED;
    for (int n = 0, at = 0; n < 16; n++) {
        if (n == 4 || n == 6 || n == 8 || n == 10) text[at++] = '-';
        text[at++] = (uint8_t)HEX[data[n] >> 4];
        text[at++] = (uint8_t)HEX[data[n] & 15];
    }
    return column_bytes(column, text, 36);
}

static int temporal(struct column *column, const uint8_t *data, int32_t length) {
    if (column->kind == KIND_DATE32) {
        if (length != 4) return MALFORMED;
        int32_t days = (int32_t)be32(data);
        if (days == INT32_MAX || days == INT32_MIN) return INFINITE_TIME;
        if (days > INT32_MAX - DAYS_TO_2000) return TIME_BEYOND;
        days += DAYS_TO_2000;
        return column_4(column, (uint32_t)days);
    }
    if (length != 8) return MALFORMED;
    int64_t instant = (int64_t)be64(data);
    if (column->kind == KIND_TIME64) {
        return instant >= MICROSECONDS_OF_DAY ? MIDNIGHT_24 : column_8(column, (uint64_t)instant);
    }
    if (instant == INT64_MAX || instant == INT64_MIN) return INFINITE_TIME;
    if (instant > INT64_MAX - MICROSECONDS_TO_2000) return TIME_BEYOND;
    instant += MICROSECONDS_TO_2000;
    return column_8(column, (uint64_t)instant);
}

static int value(struct column *column, const uint8_t *data, int32_t length);

static int array(struct column *column, const uint8_t *data, int32_t length) {
    struct column *element = column->element;
    if (length < 12) return MALFORMED;
    int32_t dimensions = (int32_t)be32(data), count = 0;
    if (dimensions > 1) return DIMENSIONS;
    if (dimensions < 0) return MALFORMED;
    if (dimensions == 1) {
        if (length < 20) return MALFORMED;
        count = (int32_t)be32(data + 12);
        if (count < 0) return MALFORMED;
        if ((int32_t)be32(data + 16) != 1) return LOWER_BOUND;
    }
    int64_t rows = element->rows, nulls = element->nulls, bytes = element->bytes;
    int32_t at = dimensions ? 20 : 12;
    int reason = TAKEN;
    for (int32_t n = 0; n < count && reason == TAKEN; n++) {
        if (at + 4 > length) { reason = MALFORMED; break; }
        int32_t size = (int32_t)be32(data + at);
        at += 4;
        if (size < 0) { reason = column_null(element); continue; }
        if (size > length - at) { reason = MALFORMED; break; }
        reason = value(element, data + at, size);
        at += size;
    }
    if (reason == TAKEN && at != length) reason = MALFORMED;
    if (reason == TAKEN) reason = column_reserve(column, 0);
    if (reason != TAKEN) {
        element->rows = rows;
        element->nulls = nulls;
        element->bytes = bytes;
        return reason;
    }
    column_present(column);
    column->offsets[++column->rows] = (int32_t)element->rows;
    return TAKEN;
}

static inline int value(struct column *column, const uint8_t *data, int32_t length) {
    switch (column->kind) {
    case KIND_DECIMAL128:
    case KIND_DECIMAL256: return numeric(column, data, length);
    case KIND_STRING: return column_text(column, data, length);
    case KIND_BINARY: return column_bytes(column, data, length);
    case KIND_DATE32:
    case KIND_TIME64:
    case KIND_TIMESTAMP: return temporal(column, data, length);
    case KIND_BOOL: return length == 1 ? column_bool(column, data[0] != 0) : MALFORMED;
    case KIND_UUID: return uuid(column, data, length);
    case KIND_JSONB:
        return length < 1 || data[0] != 1 ? UNKNOWN_JSONB : column_text(column, data + 1, length - 1);
    case KIND_LIST: return array(column, data, length);
    default: break;
    }
    if (length != column->width) return MALFORMED;
    if (length == 8) return column_8(column, be64(data));
    if (length == 4) return column_4(column, be32(data));
    if (length == 2) return column_2(column, be16(data));
    return MALFORMED;
}

static int malformed(struct decoder *decoder, int32_t index) {
    decoder->fault_column = index;
    decoder->fault_reason = MALFORMED;
    return FAULT;
}

/* One message of the copy: whole rows, the header before the first, the trailer after the last. */
static int message(struct decoder *decoder, const uint8_t *data, int32_t length) {
    static const uint8_t SIGNATURE[11] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xFF, '\r', '\n', 0};
    int32_t at = 0;
    if (!decoder->begun) {
        if (length < 19 || memcmp(data, SIGNATURE, sizeof SIGNATURE)) return malformed(decoder, -1);
        uint32_t extension = be32(data + 15);
        if (extension > (uint32_t)(length - 19)) return malformed(decoder, -1);
        at = 19 + (int32_t)extension;
        decoder->begun = true;
    }
    while (at < length) {
        if (decoder->ended || at + 2 > length) return malformed(decoder, -1);
        int16_t fields = (int16_t)be16(data + at);
        at += 2;
        if (fields == -1) { decoder->ended = true; continue; }
        if (fields != decoder->width) return malformed(decoder, -1);
        for (int32_t n = 0; n < fields; n++) {
            if (at + 4 > length) return malformed(decoder, n);
            int32_t size = (int32_t)be32(data + at);
            at += 4;
            struct column *column = &decoder->columns[n];
            int reason;
            if (size < 0) {
                reason = column_null(column);
            } else {
                if (size > length - at) return malformed(decoder, n);
                reason = value(column, data + at, size);
                at += size;
            }
            if (UNLIKELY(reason) && !decoder_refuse(decoder, n, reason)) return FAULT;
        }
        decoder->rows++;
    }
    decoder->wire_bytes += length;
    return MORE;
}

/* One message of a COPY CSV: the line of one row, which stays as it is. */
static int line(struct decoder *decoder, const uint8_t *data, int32_t length) {
    int reason = column_bytes(&decoder->columns[0], data, length);
    if (UNLIKELY(reason) && !decoder_refuse(decoder, 0, reason)) return FAULT;
    decoder->rows++;
    decoder->wire_bytes += length;
    return MORE;
}

/* Read rows until a batch is full, the copy has ended, or a signal or a second of silence gives Python a turn. */
static inline int32_t read_messages(struct decoder *decoder, const struct libpq *libpq, void *connection,
                                    int64_t batch_bytes,
                                    int (*take)(struct decoder *, const uint8_t *, int32_t)) {
    while (decoder->wire_bytes < batch_bytes) {
        char *buffer = NULL;
        int length = libpq->get_copy_data(connection, &buffer, 1);
        if (length > 0) {
            int outcome = take(decoder, (const uint8_t *)buffer, length);
            libpq->free_memory(buffer);
            if (outcome != MORE) return outcome;
            continue;
        }
        if (length == -1) return END;
        if (length < 0) return SERVER_ERROR;
        struct pollfd waiting = {.fd = libpq->socket(connection), .events = POLLIN, .revents = 0};
        int ready = poll(&waiting, 1, 1000);
        if (ready <= 0) return MORE;
        if (!libpq->consume_input(connection)) return SERVER_ERROR;
    }
    return FULL;
}

EXPORTED int32_t hetl_postgresql_read(struct decoder *decoder, const struct libpq *libpq, void *connection,
                                      int64_t batch_bytes) {
    return read_messages(decoder, libpq, connection, batch_bytes, message);
}

EXPORTED int32_t hetl_postgresql_read_lines(struct decoder *decoder, const struct libpq *libpq, void *connection,
                                            int64_t batch_bytes) {
    return read_messages(decoder, libpq, connection, batch_bytes, line);
}

EXPORTED int32_t hetl_postgresql_ended(const struct decoder *decoder) { return decoder->ended; }
