/* A decoder: the columns of one result, from their description to the batches that are taken away. */
#include <stdlib.h>

#include "columns.h"
#include "mysql.h"

bool decoder_refuse(struct decoder *decoder, int32_t index, int reason) {
    struct column *column = &decoder->columns[index];
    if (reason < OUT_OF_MEMORY && !decoder->fail) {
        column->refused++;
        if (column_null(column) == TAKEN) return true;
        reason = OUT_OF_MEMORY;
    }
    decoder->fault_column = index;
    decoder->fault_reason = reason;
    return false;
}

#ifndef SOURCE_DIGEST
#define SOURCE_DIGEST "unknown"
#endif

EXPORTED const char *hetl_source_digest(void) { return SOURCE_DIGEST; }

EXPORTED void hetl_close(struct decoder *decoder) {
    if (!decoder) return;
    for (int32_t n = 0; n < decoder->width; n++) column_close(&decoder->columns[n]);
    free(decoder->columns);
    free(decoder);
}

EXPORTED struct decoder *hetl_open(int32_t width, const int32_t *kinds, const int32_t *elements,
                                   const int32_t *precisions, const int32_t *scales, const int32_t *wires,
                                   int32_t fail) {
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return NULL;
    decoder->columns = calloc((size_t)(width ? width : 1), sizeof *decoder->columns);
    if (!decoder->columns) { free(decoder); return NULL; }
    decoder->width = width;
    decoder->fail = fail != 0;
    decoder->sequence = -1;
    for (int32_t n = 0; n < width; n++) {
        struct column *column = &decoder->columns[n];
        int32_t wire_width = mysql_fixed_width(wires[n]);
        column_open(column, kinds[n], precisions[n], scales[n], wire_width);
        if (kinds[n] != KIND_LIST) continue;
        column->element = malloc(sizeof *column->element);
        if (!column->element) { hetl_close(decoder); return NULL; }
        column_open(column->element, elements[n], precisions[n], scales[n], wire_width);
    }
    return decoder;
}

EXPORTED int64_t hetl_rows(const struct decoder *decoder) { return decoder->rows; }
EXPORTED int64_t hetl_refused(const struct decoder *decoder, int32_t index) { return decoder->columns[index].refused; }
EXPORTED int64_t hetl_longest(const struct decoder *decoder, int32_t index) { return decoder->columns[index].longest; }
EXPORTED int32_t hetl_fault_column(const struct decoder *decoder) { return decoder->fault_column; }
EXPORTED int32_t hetl_fault_reason(const struct decoder *decoder) { return decoder->fault_reason; }
EXPORTED int64_t hetl_fault_row(const struct decoder *decoder) { return decoder->rows_before + decoder->rows + 1; }

/* Give the rows so far away as an Arrow struct array; the next row begins a new one. */
EXPORTED int32_t hetl_take(struct decoder *decoder, struct ArrowArray *array) {
    if (array_open(array, decoder->rows, 1, decoder->width)) return OUT_OF_MEMORY;
    for (int32_t n = 0; n < decoder->width; n++)
        if (column_export(&decoder->columns[n], array->children[n])) return OUT_OF_MEMORY;
    decoder->rows_before += decoder->rows;
    decoder->rows = decoder->wire_bytes = 0;
    return TAKEN;
}
