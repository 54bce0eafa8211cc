/* Leaving out rows that nobody wants: by whole pages where an offset index says where they lie, else one by one.
 *
 *   rows    |--- dropped with their page ---|-- dropped one by one --|-- wanted --|
 *   pages   | page 0 | page 1 | page 2      | page 3                              | page 4
 *                                           ^ jump                                ^ fetch_end */
#include "format/parquet/column.h"

int df_parquet_reader_load_index(struct df_parquet_reader *reader, uint32_t column,
                                 const struct df_parquet_reading *reading, struct df_error *error)
{
    if (reader->leaf->repetition_max > 0)
        return 0; /* how many values a jump leaves out is not known of lists */
    int result = df_parquet_index_read_offsets(&reader->index, reader->file, reader->row_group, column, reading, error);
    return result < 0 ? -1 : 0;
}

/* The page that has a row, which is one of the row group. */
static uint32_t page_of(const struct df_parquet_index *index, uint64_t row)
{
    uint32_t low = 0, high = index->page_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (index->pages[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void df_parquet_reader_seek(struct df_parquet_reader *reader, uint64_t begin, uint64_t end)
{
    const struct df_parquet_index *index = &reader->index;
    if (index->page_count > 0) {
        uint32_t page = page_of(index, begin), last = page_of(index, end - 1);
        reader->fetch_end = index->pages[last].offset + index->pages[last].size_bytes;
        uint64_t page_end = reader->row_at + reader->page_left;
        if (index->pages[page].first_row > page_end ||
            (index->pages[page].first_row == page_end && reader->page_left)) {
            reader->jump = true;
            reader->jump_page = page;
            reader->page_left = 0; /* what is left of it is not wanted */
            reader->row_at = index->pages[page].first_row;
        }
    }
    reader->rows_to_drop = begin - reader->row_at;
}

/* A window that reaches as far keeps the bytes that it has. */
static void move_window(struct df_parquet_reader *reader, uint64_t offset)
{
    uint64_t window_begin = reader->next_offset - reader->size;
    if (offset >= window_begin && offset <= reader->next_offset) {
        reader->at = (size_t)(offset - window_begin);
        return;
    }
    reader->at = reader->size = 0;
    reader->next_offset = offset;
}

int df_parquet_reader_jump(struct df_parquet_reader *reader, struct df_error *error)
{
    const struct df_parquet_index *index = &reader->index;
    const struct df_parquet_index_page *page = &index->pages[reader->jump_page];
    bool dictionary = reader->chunk->offset < index->pages[0].offset;
    if (dictionary && !reader->dictionary.present) {
        if (reader->page_index == 0)
            return 0;
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT,
                                      "its offset index says that a dictionary is the first page, but it is not");
    }
    reader->jump = false;
    reader->page_index = reader->jump_page + dictionary;
    reader->values_left = reader->file->footer.row_groups[reader->row_group].row_count - page->first_row;
    move_window(reader, page->offset);
    return 1;
}

bool df_parquet_reader_fits_index(const struct df_parquet_reader *reader, uint32_t value_count)
{
    const struct df_parquet_index *index = &reader->index;
    if (index->page_count == 0)
        return true;
    uint32_t first = reader->chunk->offset < index->pages[0].offset; /* pages before the data: a dictionary */
    uint32_t page = reader->page_index - first;
    return reader->page_index >= first && page < index->page_count && index->pages[page].row_count == value_count;
}
