/* What the protocol of MySQL says of a type code. */
#ifndef HYBRID_ETL_MYSQL_H
#define HYBRID_ETL_MYSQL_H

#include <stdint.h>

/* Bytes of a fixed-width value of a type code, 0 where a length comes first. */
int32_t mysql_fixed_width(int32_t wire);

#endif
