/* Feeds the native decoders rows that are right, and the same rows damaged: compiled with sanitizers, which end the
 * program at the first access, shift or sum that C does not define.
 *
 *     fuzz SEED CASES
 *
 * Right rows must be taken whole. Damaged ones must come to rows or to a fault; what leaves is checked as Arrow's
 * columnar format asks. Every message is in a block of its own, of its exact size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "columns.h"

struct libpq {
    int (*get_copy_data)(void *, char **, int);
    void (*free_memory)(void *);
    int (*consume_input)(void *);
    int (*socket)(const void *);
};

struct decoder *hetl_open(int32_t, const int32_t *, const int32_t *, const int32_t *, const int32_t *, const int32_t *,
                          int32_t);
void hetl_close(struct decoder *);
int32_t hetl_fault_reason(const struct decoder *);
int64_t hetl_rows(const struct decoder *);
int32_t hetl_take(struct decoder *, struct ArrowArray *);
int32_t hetl_postgresql_read(struct decoder *, const struct libpq *, void *, int64_t);
int32_t hetl_postgresql_ended(const struct decoder *);
void hetl_mysql_begin(struct decoder *, int32_t);
int32_t hetl_mysql_feed(struct decoder *, uint8_t *, int64_t, int64_t, int64_t *, int64_t *);
int64_t hetl_csv_records(const uint8_t *, int64_t, uint8_t *);

#define MOST_COLUMNS 12
#define MOST_MESSAGES 64
#define MOST_BYTES 4096

static uint64_t state;

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint32_t below(uint32_t limit) { return (uint32_t)(draw() % limit); }

static void check(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "not so: %s\n", what);
    abort();
}

struct text { uint8_t bytes[MOST_BYTES]; int32_t length; };

static void put(struct text *text, const void *bytes, int32_t length) {
    memcpy(text->bytes + text->length, bytes, (size_t)length);
    text->length += length;
}

static void put_be(struct text *text, uint64_t value, int32_t width) {
    for (int32_t n = width - 1; n >= 0; n--) text->bytes[text->length++] = (uint8_t)(value >> (8 * n));
}

static void put_le(struct text *text, uint64_t value, int32_t width) {
    for (int32_t n = 0; n < width; n++) text->bytes[text->length++] = (uint8_t)(value >> (8 * n));
}

static void put_letters(struct text *text, int32_t length) {
    for (int32_t n = 0; n < length; n++) text->bytes[text->length++] = (uint8_t)('a' + below(26));
}

/* ---- PostgreSQL: COPY BINARY ---- */

static const int32_t POSTGRESQL_KINDS[] = {
    KIND_BOOL, KIND_INT16, KIND_INT32, KIND_INT64, KIND_FLOAT32, KIND_FLOAT64, KIND_DECIMAL128, KIND_DECIMAL256,
    KIND_DATE32, KIND_TIME64, KIND_TIMESTAMP, KIND_STRING, KIND_BINARY, KIND_UUID, KIND_JSONB, KIND_LIST,
};

static void postgresql_value(struct text *text, int32_t kind, int32_t element) {
    int32_t at = text->length;
    put_be(text, 0, 4);
    switch (kind) {
    case KIND_BOOL: put_be(text, below(2), 1); break;
    case KIND_INT16: put_be(text, draw(), 2); break;
    case KIND_INT32: case KIND_FLOAT32: put_be(text, draw(), 4); break;
    case KIND_INT64: case KIND_FLOAT64: put_be(text, draw(), 8); break;
    case KIND_DATE32: put_be(text, below(1000000), 4); break;
    case KIND_TIME64: put_be(text, draw() % 86400000000ull, 8); break;
    case KIND_TIMESTAMP: put_be(text, draw() % 1000000000000000ull, 8); break;
    case KIND_STRING: case KIND_BINARY: put_letters(text, (int32_t)below(40)); break;
    case KIND_UUID: put_be(text, draw(), 8); put_be(text, draw(), 8); break;
    case KIND_JSONB: put_be(text, 1, 1); put_letters(text, (int32_t)below(20)); break;
    case KIND_LIST: {
        uint32_t count = below(4);
        put_be(text, count ? 1 : 0, 4);
        put_be(text, 0, 4);
        put_be(text, 23, 4);
        if (!count) break;
        put_be(text, count, 4);
        put_be(text, 1, 4);
        for (uint32_t n = 0; n < count; n++)
            if (below(5)) postgresql_value(text, element, 0);
            else put_be(text, UINT32_MAX, 4);
        break;
    }
    default: { /* numeric, in groups of four digits: two before the point and one behind it */
        uint32_t groups = below(4);
        put_be(text, groups, 2);
        put_be(text, groups > 1 ? groups - 2 : 0, 2);
        put_be(text, below(2) ? 0x4000 : 0, 2);
        put_be(text, 2, 2);
        for (uint32_t n = 0; n < groups; n++) put_be(text, n + 1 == groups ? below(100) * 100 : below(10000), 2);
    }
    }
    int32_t length = text->length - at - 4;
    for (int32_t n = 0; n < 4; n++) text->bytes[at + n] = (uint8_t)((uint32_t)length >> (8 * (3 - n)));
}

struct messages { struct text *all; int32_t count, next; };

static int get_copy_data(void *connection, char **buffer, int async) {
    (void)async;
    struct messages *messages = connection;
    if (messages->next >= messages->count) return -1;
    struct text *message = &messages->all[messages->next++];
    if (!message->length) return -1;
    *buffer = malloc((size_t)message->length);
    memcpy(*buffer, message->bytes, (size_t)message->length);
    return message->length;
}

static int consume_input(void *connection) { (void)connection; return 1; }
static int no_socket(const void *connection) { (void)connection; return -1; }

static int32_t postgresql_messages(struct text *all, int32_t width, const int32_t *kinds, const int32_t *elements,
                                   int32_t rows) {
    int32_t count = 0;
    for (int32_t row = -1; row <= rows; row++) {
        struct text *text = &all[count++];
        text->length = 0;
        if (row < 0) {
            put(text, "PGCOPY\n\xff\r\n\0", 11);
            put_be(text, 0, 8);
        } else if (row == rows) {
            put_be(text, UINT16_MAX, 2);
        } else {
            put_be(text, (uint64_t)width, 2);
            for (int32_t n = 0; n < width; n++)
                if (below(8)) postgresql_value(text, kinds[n], elements[n]);
                else put_be(text, UINT32_MAX, 4);
        }
    }
    return count;
}

/* ---- MySQL: rows of the binary protocol ---- */

struct mysql_type { int32_t kind, wire, width; };
static const struct mysql_type MYSQL_TYPES[] = {
    {KIND_INT8, 1, 1}, {KIND_UINT8, 1, 1}, {KIND_INT16, 2, 2}, {KIND_UINT16, 13, 2}, {KIND_INT32, 3, 4}, {KIND_INT32, 9, 4},
    {KIND_INT64, 8, 8}, {KIND_UINT64, 8, 8}, {KIND_FLOAT32, 4, 4}, {KIND_FLOAT64, 5, 8}, {KIND_DECIMAL128, 246, 0},
    {KIND_DECIMAL256, 246, 0}, {KIND_DATE32, 10, 0}, {KIND_TIMESTAMP, 12, 0}, {KIND_TIME64, 11, 0}, {KIND_STRING, 253, 0},
    {KIND_BINARY, 252, 0}, {KIND_GEOMETRY, 255, 0}, {KIND_BIT, 16, 0}, {KIND_BOOL, 16, 0},
};

static void mysql_value(struct text *text, const struct mysql_type *type) {
    if (type->width) { put_le(text, draw(), type->width); return; }
    struct text value = {.length = 0};
    char digits[64];
    switch (type->kind) {
    case KIND_DECIMAL128: case KIND_DECIMAL256:
        put(&value, digits, snprintf(digits, sizeof digits, "%s%u.%02u", below(2) ? "-" : "", below(1000000), below(100)));
        break;
    case KIND_TIME64: {
        uint32_t length = (const uint32_t[]){0, 8, 12}[below(3)];
        if (!length) break;
        put_le(&value, 0, 5);
        put_le(&value, below(24), 1); put_le(&value, below(60), 1); put_le(&value, below(60), 1);
        if (length == 12) put_le(&value, below(1000000), 4);
        break;
    }
    case KIND_DATE32: case KIND_TIMESTAMP: {
        uint32_t length = type->kind == KIND_DATE32 ? 4 : (const uint32_t[]){4, 7, 11}[below(3)];
        put_le(&value, 1 + below(9999), 2); put_le(&value, 1 + below(12), 1); put_le(&value, 1 + below(28), 1);
        if (length > 4) { put_le(&value, below(24), 1); put_le(&value, below(60), 1); put_le(&value, below(60), 1); }
        if (length > 7) put_le(&value, below(1000000), 4);
        break;
    }
    case KIND_GEOMETRY: put_letters(&value, 4 + (int32_t)below(30)); break;
    case KIND_BIT: put_letters(&value, 1 + (int32_t)below(8)); break;
    case KIND_BOOL: put_le(&value, below(2), 1); break;
    default: put_letters(&value, (int32_t)below(below(4) ? 40 : 300));
    }
    if (value.length < 251) put_le(text, (uint64_t)value.length, 1);
    else { put_le(text, 252, 1); put_le(text, (uint64_t)value.length, 2); }
    put(text, value.bytes, value.length);
}

static void mysql_packet(struct text *text, int32_t width, const struct mysql_type *const *types, uint8_t sequence) {
    text->length = 0;
    put_le(text, 0, 3);
    put_le(text, sequence, 1);
    put_le(text, 0, 1);
    int32_t nulls = text->length;
    for (int32_t n = 0; n < (width + 9) / 8; n++) put_le(text, 0, 1);
    for (int32_t n = 0; n < width; n++)
        if (below(8)) mysql_value(text, types[n]);
        else text->bytes[nulls + (n + 2) / 8] |= (uint8_t)(1u << ((n + 2) % 8));
    int32_t length = text->length - 4;
    for (int32_t n = 0; n < 3; n++) text->bytes[n] = (uint8_t)(length >> (8 * n));
}

/* ---- Damage, and what is left of it ---- */

static void damage(struct text *text) {
    if (!text->length) return;
    uint32_t at = below((uint32_t)text->length);
    switch (below(6)) {
    case 0: text->bytes[at] ^= (uint8_t)(1u << below(8)); break;
    case 1: text->bytes[at] = (uint8_t)draw(); break;
    case 2: text->length = (int32_t)at; break;
    case 3: { /* the greatest and least numbers, where lengths, counts and times are */
        static const uint32_t ENDS[] = {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFD532, 0x7FFFD533};
        uint32_t value = ENDS[below(8)];
        for (uint32_t n = 0; n < 4 && at + n < (uint32_t)text->length; n++)
            text->bytes[at + n] = (uint8_t)(value >> (8 * (3 - n)));
        break;
    }
    case 4: if (text->length + 8 < MOST_BYTES) put_le(text, draw(), 1 + (int32_t)below(8)); break;
    default: for (uint32_t n = at; n < (uint32_t)text->length; n++) text->bytes[n] = (uint8_t)draw();
    }
}

static void check_array(const struct ArrowArray *array, int32_t kind, int32_t element) {
    const uint8_t *validity = array->buffers[0];
    int64_t nulls = 0;
    for (int64_t n = 0; n < array->length && validity; n++) nulls += !(validity[n >> 3] >> (n & 7) & 1);
    check(nulls == array->null_count, "nulls are those of the validity bitmap");
    bool offsets_first = kind == KIND_STRING || kind == KIND_BINARY || kind == KIND_UUID || kind == KIND_JSONB ||
                         kind == KIND_GEOMETRY || kind == KIND_LIST;
    if (!offsets_first) return;
    const int32_t *offsets = array->buffers[1];
    check(offsets[0] == 0, "offsets begin at 0");
    for (int64_t n = 0; n < array->length; n++) check(offsets[n] <= offsets[n + 1], "offsets do not fall");
    if (kind == KIND_LIST) {
        check(array->children[0]->length == offsets[array->length], "a list's elements are as many as its offsets say");
        check_array(array->children[0], element, 0);
        return;
    }
    uint64_t sum = 0; /* read every byte that is pointed to */
    for (int32_t n = 0; n < offsets[array->length]; n++) sum += ((const uint8_t *)array->buffers[2])[n];
    if (kind == KIND_STRING || kind == KIND_JSONB || kind == KIND_UUID)
        for (int64_t n = 0; n < array->length; n++)
            check(is_utf8((const uint8_t *)array->buffers[2] + offsets[n], offsets[n + 1] - offsets[n]), "texts are UTF-8");
    check(sum < UINT64_MAX, "bytes were read");
}

static void take(struct decoder *decoder, int32_t width, const int32_t *kinds, const int32_t *elements, int64_t rows) {
    struct ArrowArray array;
    check(hetl_rows(decoder) == rows, "as many rows as came");
    check(!hetl_take(decoder, &array), "a batch can be taken");
    for (int32_t n = 0; n < width; n++) {
        check(array.children[n]->length == rows, "columns are as long as the batch");
        check_array(array.children[n], kinds[n], elements[n]);
    }
    array.release(&array);
}

static void postgresql(bool damaged) {
    static struct text all[MOST_MESSAGES];
    int32_t width = (int32_t)below(MOST_COLUMNS), rows = (int32_t)below(20);
    int32_t kinds[MOST_COLUMNS], elements[MOST_COLUMNS], precisions[MOST_COLUMNS], scales[MOST_COLUMNS];
    int32_t wires[MOST_COLUMNS] = {0};
    for (int32_t n = 0; n < width; n++) {
        kinds[n] = POSTGRESQL_KINDS[below(16)];
        elements[n] = POSTGRESQL_KINDS[below(15)];
        precisions[n] = kinds[n] == KIND_DECIMAL256 ? 76 : 38;
        if (kinds[n] == KIND_LIST && elements[n] == KIND_DECIMAL256) precisions[n] = 76;
        scales[n] = 2;
    }
    struct messages messages = {all, postgresql_messages(all, width, kinds, elements, rows), 0};
    if (damaged) for (uint32_t n = 0; n <= below(3); n++) damage(&all[below((uint32_t)messages.count)]);
    struct libpq libpq = {get_copy_data, free, consume_input, no_socket};
    struct decoder *decoder = hetl_open(width, kinds, elements, precisions, scales, wires, (int32_t)below(2));
    int64_t taken = 0;
    for (;;) {
        int32_t outcome = hetl_postgresql_read(decoder, &libpq, &messages, 1 + below(2000));
        if (outcome == FAULT) { check(damaged, "right rows are no fault"); break; }
        taken += hetl_rows(decoder);
        take(decoder, width, kinds, elements, hetl_rows(decoder));
        if (outcome == END) {
            if (!damaged) check(taken == rows && hetl_postgresql_ended(decoder), "all rows, and the trailer");
            break;
        }
    }
    hetl_close(decoder);
}

static void mysql(bool damaged) {
    int32_t width = 1 + (int32_t)below(MOST_COLUMNS - 1), rows = 1 + (int32_t)below(20);
    int32_t kinds[MOST_COLUMNS], elements[MOST_COLUMNS] = {0}, precisions[MOST_COLUMNS], scales[MOST_COLUMNS];
    int32_t wires[MOST_COLUMNS];
    const struct mysql_type *types[MOST_COLUMNS];
    for (int32_t n = 0; n < width; n++) {
        types[n] = &MYSQL_TYPES[below(sizeof MYSQL_TYPES / sizeof *MYSQL_TYPES)];
        kinds[n] = types[n]->kind;
        wires[n] = types[n]->wire;
        precisions[n] = kinds[n] == KIND_DECIMAL256 ? 65 : 20;
        scales[n] = 2;
    }
    uint8_t first = (uint8_t)draw();
    struct decoder *decoder = hetl_open(width, kinds, elements, precisions, scales, wires, (int32_t)below(2));
    hetl_mysql_begin(decoder, first);
    uint8_t *stream = NULL;
    int64_t length = 0;
    static struct text packet;
    for (int32_t n = 0; n <= rows; n++) {
        if (n < rows) mysql_packet(&packet, width, types, (uint8_t)(first + n));
        else { packet.length = 0; put_le(&packet, 5, 3); put_le(&packet, (uint8_t)(first + n), 1); put_le(&packet, 0xFE, 5); }
        if (damaged && !below(8)) damage(&packet);
        stream = realloc(stream, (size_t)(length + packet.length) + 1);
        memcpy(stream + length, packet.bytes, (size_t)packet.length);
        length += packet.length;
    }
    int64_t at = 0, taken = 0, window = 0;
    for (;;) {
        /* A window that ends anywhere, in a block of its exact size. */
        window += 1 + below(200);
        if (window > length - at) window = length - at;
        uint8_t *block = malloc((size_t)window + (window == 0));
        if (window) memcpy(block, stream + at, (size_t)window);
        int64_t consumed, needed;
        int32_t outcome = hetl_mysql_feed(decoder, block, window, 1 + below(2000), &consumed, &needed);
        free(block);
        if (outcome == FAULT) { check(damaged, "right rows are no fault"); break; }
        check(consumed >= 0 && consumed <= window, "no more is consumed than there is");
        at += consumed;
        window -= consumed;
        if (outcome == MORE) check(needed > window, "more is asked for than there is");
        taken += hetl_rows(decoder);
        take(decoder, width, kinds, elements, hetl_rows(decoder));
        if (outcome == END || outcome == SERVER_ERROR) {
            if (!damaged) check(outcome == END && taken == rows, "all rows, and their end");
            break;
        }
        if (outcome == MORE && window >= length - at) break; /* the damage took the end away */
    }
    free(stream);
    hetl_close(decoder);
}

static void csv(void) {
    int64_t length = below(500), plainly = 0;
    uint8_t *data = malloc((size_t)length + 1), quoted = 0;
    for (int64_t n = 0; n < length; n++) data[n] = (uint8_t)"ab\"\n,"[below(5)];
    for (int64_t n = 0, within = 0; n < length; n++) {
        within ^= data[n] == '"';
        plainly += data[n] == '\n' && !within;
    }
    int64_t found = 0;
    for (int64_t at = 0; at < length;) {
        int64_t size = 1 + below((uint32_t)(length - at));
        uint8_t *block = malloc((size_t)size);
        memcpy(block, data + at, (size_t)size);
        found += hetl_csv_records(block, size, &quoted);
        free(block);
        at += size;
    }
    free(data);
    check(found == plainly, "records of CSV, however it is cut");
}

/* One value of PostgreSQL, and why it is refused. */
static void refused(int32_t kind, const void *bytes, int32_t length, int32_t reason) {
    static struct text all[2];
    struct messages messages = {all, 2, 0};
    struct libpq libpq = {get_copy_data, free, consume_input, no_socket};
    int32_t element = KIND_INT32, precision = 38, scale = 2, wire = 0;
    postgresql_messages(all, 0, NULL, NULL, 0);
    all[1].length = 0;
    put_be(&all[1], 1, 2);
    put_be(&all[1], (uint64_t)length, 4);
    put(&all[1], bytes, length);
    struct decoder *decoder = hetl_open(1, &kind, &element, &precision, &scale, &wire, 1);
    check(hetl_postgresql_read(decoder, &libpq, &messages, 1000) == FAULT, "the value is refused");
    check(hetl_fault_reason(decoder) == reason, "for its reason");
    hetl_close(decoder);
}

static void empty_decimal_of_mysql(const char *digits, uint8_t length) {
    uint8_t block[16] = {3 + length, 0, 0, 0, 0, 0, length};
    memcpy(block + 7, digits, length);
    int32_t kind = KIND_DECIMAL128, element = 0, precision = 20, scale = 2, wire = 246;
    int64_t consumed, needed;
    struct decoder *decoder = hetl_open(1, &kind, &element, &precision, &scale, &wire, 0);
    hetl_mysql_begin(decoder, 0);
    check(hetl_mysql_feed(decoder, block, 7 + length, 1000, &consumed, &needed) == FAULT, "a text is no decimal");
    hetl_close(decoder);
}

static void known(void) {
    refused(KIND_DATE32, "\x7f\xff\xd5\x33", 4, TIME_BEYOND); /* the first day that Arrow's type has not */
    refused(KIND_LIST, "\xff\xff\xff\xff\0\0\0\0\0\0\0\x17", 12, MALFORMED); /* -1 dimensions */
    refused(KIND_LIST, "\0\0\0\1\0\0\0\0\0\0\0\x17\xff\xff\xff\xff\0\0\0\1", 20, MALFORMED); /* -1 elements */
    refused(KIND_LIST, "\0\0\0\0\0\0\0\0\0\0\0\x17more", 16, MALFORMED);
    empty_decimal_of_mysql("", 0);
    empty_decimal_of_mysql("-", 1);
    empty_decimal_of_mysql(".", 1);
}

int main(int count, char **words) {
    if (count != 3) { fprintf(stderr, "usage: fuzz SEED CASES\n"); return 2; }
    state = strtoull(words[1], NULL, 10) * 2654435769u + 88172645463325252ull;
    int64_t cases = strtoll(words[2], NULL, 10);
    known();
    for (int64_t n = 0; n < cases; n++) {
        postgresql(n % 4 != 0);
        mysql(n % 4 != 0);
        csv();
    }
    printf("%lld cases of each decoder held\n", (long long)cases);
    return 0;
}
