#include "format/vector.h"

enum df_vector_kind df_vector_element_kind_of(const struct df_type *type)
{
    switch (type->kind) {
    case DF_TYPE_BOOL:
        return DF_VECTOR_BOOL;
    case DF_TYPE_FLOAT:
        return DF_VECTOR_FLOAT64;
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        return DF_VECTOR_BYTES;
    case DF_TYPE_DECIMAL:
        return type->precision > 18 ? DF_VECTOR_INT128 : DF_VECTOR_INT64;
    default:
        return DF_VECTOR_INT64;
    }
}

enum df_vector_kind df_vector_kind_of(const struct df_type *type)
{
    return type->list ? DF_VECTOR_LIST : df_vector_element_kind_of(type);
}
