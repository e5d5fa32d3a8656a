/* Columns that grow value by value and leave through the Arrow C data interface. */
#include "columns.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROWS 64
#define FIRST_BYTES 1024
#define MOST_FIRST_BYTES (1 << 20)

static const int32_t WIDTHS[] = {
    [KIND_BOOL] = -1, [KIND_INT8] = 1, [KIND_INT16] = 2, [KIND_INT32] = 4, [KIND_INT64] = 8,
    [KIND_UINT8] = 1, [KIND_UINT16] = 2, [KIND_UINT32] = 4, [KIND_UINT64] = 8,
    [KIND_FLOAT32] = 4, [KIND_FLOAT64] = 8, [KIND_DECIMAL128] = 16, [KIND_DECIMAL256] = 32,
    [KIND_DATE32] = 4, [KIND_TIME64] = 8, [KIND_TIMESTAMP] = 8, [KIND_STRING] = 0, [KIND_BINARY] = 0,
    [KIND_UUID] = 0, [KIND_JSONB] = 0, [KIND_BIT] = 8, [KIND_GEOMETRY] = 0, [KIND_LIST] = 0,
};

void column_open(struct column *column, int32_t kind, int32_t precision, int32_t scale, int32_t wire_width) {
    memset(column, 0, sizeof *column);
    column->kind = kind;
    column->precision = precision;
    column->scale = scale;
    column->width = WIDTHS[kind];
    column->wire_width = wire_width;
}

static void column_empty(struct column *column) {
    column->validity = NULL;
    column->data = NULL;
    column->offsets = NULL;
    column->rows = column->capacity = column->nulls = column->bytes = column->data_capacity = 0;
}

void column_close(struct column *column) {
    free(column->validity);
    free(column->data);
    free(column->offsets);
    column_empty(column);
    if (column->element) {
        column_close(column->element);
        free(column->element);
        column->element = NULL;
    }
}

/* Room for a sixteenth more than the batch before had, in steps of about a sixteenth: batches differ a little, and
 * blocks of few sizes fit into each other's places. A buffer that begins far too large, and is cut to what it holds
 * when it leaves, leaves a hole behind that the next one does not fit into: with 1,500 columns, 40 MiB. */
static int64_t first_room(int64_t last, int64_t least, int64_t most) {
    int64_t room = last + last / 16, step = 64;
    room = room < least ? least : room > most ? most : room;
    while (step * 32 <= room) step *= 2;
    return (room + step - 1) / step * step;
}

static int grow_rows(struct column *column) {
    int64_t capacity =
        column->capacity ? column->capacity * 2 : first_room(column->last_rows, FIRST_ROWS, INT32_MAX);
    if (column->width > 0) {
        uint8_t *data = realloc(column->data, (size_t)(capacity * column->width));
        if (!data) return OUT_OF_MEMORY;
        column->data = data;
    } else if (column->width < 0) {
        uint8_t *data = realloc(column->data, (size_t)(capacity / 8));
        if (!data) return OUT_OF_MEMORY;
        memset(data + column->capacity / 8, 0, (size_t)((capacity - column->capacity) / 8));
        column->data = data;
    } else {
        int32_t *offsets = realloc(column->offsets, (size_t)(capacity + 1) * sizeof *offsets);
        if (!offsets) return OUT_OF_MEMORY;
        if (!column->offsets) offsets[0] = 0;
        column->offsets = offsets;
    }
    if (column->validity) {
        uint8_t *validity = realloc(column->validity, (size_t)(capacity / 8));
        if (!validity) return OUT_OF_MEMORY;
        memset(validity + column->capacity / 8, 0xFF, (size_t)((capacity - column->capacity) / 8));
        column->validity = validity;
    }
    column->capacity = capacity;
    return TAKEN;
}

int column_grow(struct column *column, int64_t data_bytes) {
    if (column->rows >= column->capacity && grow_rows(column)) return OUT_OF_MEMORY;
    if (column->width == 0 && column->bytes + data_bytes > column->data_capacity) {
        int64_t capacity = column->data_capacity;
        if (!capacity) capacity = first_room(column->last_bytes, FIRST_BYTES, MOST_FIRST_BYTES);
        if (column->bytes + data_bytes > INT32_MAX) return OUT_OF_MEMORY;
        /* A long value ends its batch: what is kept beyond it would hardly be used. */
        if (data_bytes >= MOST_FIRST_BYTES) capacity = column->bytes + data_bytes;
        while (capacity < column->bytes + data_bytes) capacity *= 2;
        uint8_t *data = realloc(column->data, (size_t)capacity);
        if (!data) return OUT_OF_MEMORY;
        column->data = data;
        column->data_capacity = capacity;
    }
    return TAKEN;
}

int column_null(struct column *column) {
    if (column_reserve(column, 0)) return OUT_OF_MEMORY;
    if (!column->validity) {
        column->validity = malloc((size_t)(column->capacity / 8));
        if (!column->validity) return OUT_OF_MEMORY;
        memset(column->validity, 0xFF, (size_t)(column->capacity / 8));
    }
    int64_t row = column->rows;
    column->validity[row >> 3] &= (uint8_t)~(1u << (row & 7));
    if (column->width > 0) {
        memset(column->data + row * column->width, 0, (size_t)column->width);
    } else if (column->width < 0) {
        column->data[row >> 3] &= (uint8_t)~(1u << (row & 7));
    } else {
        column->offsets[row + 1] = column->kind == KIND_LIST ? (int32_t)column->element->rows
                                                            : (int32_t)column->bytes;
    }
    column->nulls++;
    column->rows++;
    return TAKEN;
}

int column_bool(struct column *column, bool value) {
    if (column_reserve(column, 0)) return OUT_OF_MEMORY;
    column_present(column);
    uint8_t bit = (uint8_t)(1u << (column->rows & 7));
    if (value) column->data[column->rows >> 3] |= bit;
    else column->data[column->rows >> 3] &= (uint8_t)~bit;
    column->rows++;
    return TAKEN;
}

/* Well-formed UTF-8 of the Unicode standard, table 3-7. */
bool is_utf8(const uint8_t *text, int64_t length) {
    int64_t at = 0;
    while (at < length) {
        uint64_t eight;
        while (at + 8 <= length) {
            memcpy(&eight, text + at, 8);
            if (eight & 0x8080808080808080ull) break;
            at += 8;
        }
        if (at >= length) break;
        uint8_t first = text[at];
        if (first < 0x80) { at++; continue; }
        int more = first < 0xC2 ? 0 : first <= 0xDF ? 1 : first <= 0xEF ? 2 : first <= 0xF4 ? 3 : 0;
        if (!more || at + more >= length) return false;
        uint8_t second = text[at + 1];
        uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (second < low || second > high) return false;
        for (int n = 2; n <= more; n++)
            if ((text[at + n] & 0xC0) != 0x80) return false;
        at += more + 1;
    }
    return true;
}

static void release(struct ArrowArray *array) {
    for (int64_t n = 0; n < array->n_buffers; n++) free((void *)array->buffers[n]);
    for (int64_t n = 0; n < array->n_children; n++) {
        struct ArrowArray *child = array->children[n];
        if (child && child->release) child->release(child);
        free(child);
    }
    free(array->buffers);
    free(array->children);
    array->release = NULL;
}

int array_open(struct ArrowArray *array, int64_t length, int64_t buffers, int64_t children) {
    memset(array, 0, sizeof *array);
    array->length = length;
    array->n_buffers = buffers;
    array->n_children = children;
    array->buffers = calloc((size_t)buffers, sizeof *array->buffers);
    array->children = children ? calloc((size_t)children, sizeof *array->children) : NULL;
    array->release = release;
    if (!array->buffers || (children && !array->children)) return OUT_OF_MEMORY;
    for (int64_t n = 0; n < children; n++)
        if (!(array->children[n] = calloc(1, sizeof(struct ArrowArray)))) return OUT_OF_MEMORY;
    return TAKEN;
}

/* A buffer hardly larger than what it holds; growth by doubling would otherwise keep half of it unused. */
static void *fitted(void *buffer, int64_t bytes, int64_t room) {
    if (!buffer) return malloc(8);
    if (bytes > room - room / 6) return buffer;
    void *smaller = realloc(buffer, (size_t)(bytes ? bytes : 1));
    return smaller ? smaller : buffer;
}

int column_export(struct column *column, struct ArrowArray *array) {
    bool list = column->kind == KIND_LIST, variable = column->width == 0;
    if (array_open(array, column->rows, list || !variable ? 2 : 3, list ? 1 : 0)) return OUT_OF_MEMORY;
    array->null_count = column->nulls;
    array->buffers[0] = column->nulls ? fitted(column->validity, (column->rows + 7) / 8, column->capacity / 8) : NULL;
    if (!column->nulls) free(column->validity);
    if (variable) {
        int32_t *offsets = fitted(column->offsets, (column->rows + 1) * 4, (column->capacity + 1) * 4);
        if (offsets && !column->offsets) offsets[0] = 0;
        array->buffers[1] = offsets;
        if (!list) array->buffers[2] = fitted(column->data, column->bytes, column->data_capacity);
    } else {
        int64_t bytes = column->width > 0 ? column->rows * column->width : (column->rows + 7) / 8;
        int64_t room = column->width > 0 ? column->capacity * column->width : column->capacity / 8;
        array->buffers[1] = fitted(column->data, bytes, room);
    }
    column->last_rows = column->rows;
    column->last_bytes = column->bytes;
    column_empty(column);
    return list ? column_export(column->element, array->children[0]) : TAKEN;
}
