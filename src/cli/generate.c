/* dayfly generate retail: rr-synth into Parquet files, by visitor or by day.
 *
 * By visitor: file p holds visitors with number % parts == p, and says that they are whole. By day: a first pass counts
 * the rows of each day; then as many days as fit into memory are made at a time, each pass over all visitors, because
 * making rows again costs less than keeping them. Memory is bounded by one part (per thread), or by one pass. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/rr_parquet.h"
#include "cli/text.h"

enum {
    MS_PER_DAY = 86400000,
    /* Days that rows can lie in: 138 of first events, then at most 299 gaps of at most a week. */
    DAY_FIRST = 16558,
    DAY_COUNT = 138 + 299 * 7 + 2,
    PASS_ROWS = 4 * 1024 * 1024, /* 128 MB */
    VISITORS_PER_CHECK = 4096,   /* how often a pass over visitors looks whether it should end: every 0.5 ms */
};

struct plan {
    const char *folder;
    int64_t visitors, parts, seed;
    bool by_day, force;
    unsigned threads;
};

/* Rows of some files that lie side by side; of files that are made when their turn comes, only numbers. */
struct file {
    char name[40];
    size_t first_row, row_count; /* by day: in `pass_rows` */
    bool is_written;
};

struct work {
    const struct plan *plan;
    struct df_store *store;
    const atomic_bool *interrupted;
    struct df_progress progress;
    struct file *files; /* owned */
    size_t file_count;
    struct df_rr_row *pass_rows; /* owned; by day */
    bool made_folder;            /* it was not there before */
    atomic_bool stop;            /* somebody failed, or the user wants no more */

    size_t next_file, end_file; /* guarded by lock, as all below */
    unsigned running;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct df_error error; /* the first */
};

static bool should_stop(struct work *work)
{
    if (atomic_load(work->interrupted))
        atomic_store(&work->stop, true);
    return atomic_load(&work->stop);
}

static int interrupted(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CANCELLED, "interrupted: nothing was kept");
}

/* ---- rows by visitor ---- */

struct rows {
    struct df_rr_row *data; /* owned */
    size_t count, capacity;
};

static int reserve_visitor(struct rows *rows, struct df_error *error)
{
    if (rows->capacity - rows->count >= DF_RR_VISITOR_ROWS_MAX)
        return 0;
    size_t capacity, bytes;
    struct df_rr_row *data = NULL;
    if (df_size_add(&capacity, rows->capacity, rows->capacity / 4 + 16 * DF_RR_VISITOR_ROWS_MAX) == 0 &&
        df_size_mul(&bytes, capacity, sizeof *data) == 0)
        data = realloc(rows->data, bytes);
    if (!data)
        return df_error_no_memory(error, "making rows: more --parts need less of it");
    rows->data = data;
    rows->capacity = capacity;
    return 0;
}

static int make_part(struct work *work, uint64_t part, struct rows *rows, struct df_error *error)
{
    const struct plan *plan = work->plan;
    for (uint64_t visitor = part; visitor < (uint64_t)plan->visitors; visitor += (uint64_t)plan->parts) {
        if (visitor / (uint64_t)plan->parts % VISITORS_PER_CHECK == 0 && should_stop(work))
            return interrupted(error);
        if (reserve_visitor(rows, error) < 0)
            return -1;
        rows->count += df_rr_visitor_rows((uint64_t)plan->seed, visitor, rows->data + rows->count);
    }
    return 0;
}

/* ---- one file ---- */

static int write_file(struct work *work, size_t index, struct df_rr_row *rows, size_t count, struct df_error *error)
{
    struct df_buf uri = {0};
    df_uri_join(&uri, work->plan->folder, work->files[index].name);
    const struct plan *plan = work->plan;
    char writing[128];
    snprintf(writing, sizeof writing, "retail, seed %lld, users %lld, parts %lld", (long long)plan->seed,
             (long long)plan->visitors, (long long)plan->parts);
    struct df_rr_file file = {.uri = df_buf_text(&uri),
                              .rows = rows,
                              .row_count = count,
                              .writing = plan->by_day ? NULL : writing,
                              .part = index};
    df_rr_sort(rows, count);
    int result = df_buf_failed(&uri) ? df_error_no_memory(error, "writing rows")
                                     : df_rr_write_parquet(work->store, &file, &work->progress, &work->stop, error);
    df_buf_dispose(&uri);
    return result;
}

static int make_file(struct work *work, size_t index, struct df_error *error)
{
    struct file *file = &work->files[index];
    struct rows rows = {0};
    int result;
    if (work->plan->by_day) {
        result = write_file(work, index, work->pass_rows + file->first_row, file->row_count, error);
    } else {
        result = make_part(work, index, &rows, error);
        if (result == 0)
            result = write_file(work, index, rows.data, rows.count, error);
        free(rows.data);
    }
    file->is_written = result == 0;
    atomic_fetch_add(&work->progress.parts_done, result == 0);
    return result;
}

/* ---- threads over files ---- */

/* The next file of nobody; false when there is none, or no more are wanted. */
static bool take_file(struct work *work, size_t *index)
{
    pthread_mutex_lock(&work->lock);
    *index = work->next_file;
    bool found = !should_stop(work) && work->next_file < work->end_file;
    work->next_file += found;
    pthread_mutex_unlock(&work->lock);
    return found;
}

static void keep_first_error(struct work *work, const struct df_error *error)
{
    pthread_mutex_lock(&work->lock);
    if (work->error.kind == DF_ERROR_NONE)
        work->error = *error;
    atomic_store(&work->stop, true);
    pthread_mutex_unlock(&work->lock);
}

static void *make_files(void *ctx)
{
    struct work *work = ctx;
    struct df_error error = {0};
    size_t index;
    while (take_file(work, &index))
        if (make_file(work, index, &error) < 0)
            keep_first_error(work, &error);
    pthread_mutex_lock(&work->lock);
    work->running--;
    pthread_cond_signal(&work->ended);
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + ms * 1000000;
    return (struct timespec){.tv_sec = at.tv_sec + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* The main thread draws while the others work, and passes Ctrl-C on. */
static void watch(struct work *work, struct df_progress_line *line)
{
    enum { INTERVAL_MS = 50 };
    pthread_mutex_lock(&work->lock);
    while (work->running > 0) {
        struct timespec until = after_ms(INTERVAL_MS);
        pthread_cond_timedwait(&work->ended, &work->lock, &until);
        should_stop(work);
        if (line->fd >= 0)
            df_progress_draw(line, &work->progress);
    }
    pthread_mutex_unlock(&work->lock);
}

static int start_threads(struct work *work, pthread_t *threads, unsigned wanted, struct df_error *error)
{
    unsigned count = 0;
    for (; count < wanted; count++) {
        pthread_mutex_lock(&work->lock);
        work->running++;
        pthread_mutex_unlock(&work->lock);
        int failure = pthread_create(&threads[count], NULL, make_files, work);
        if (failure == 0)
            continue;
        pthread_mutex_lock(&work->lock);
        work->running--;
        pthread_mutex_unlock(&work->lock);
        if (count == 0)
            return df_error_set_errno(error, failure, "cannot start a thread");
        break; /* fewer do it as well */
    }
    return (int)count;
}

/* Makes files [begin, end). */
static int make_range(struct work *work, size_t begin, size_t end, struct df_progress_line *line,
                      struct df_error *error)
{
    size_t wanted = work->plan->threads < end - begin ? work->plan->threads : end - begin;
    pthread_t *threads = calloc(wanted ? wanted : 1, sizeof *threads);
    if (!threads)
        return df_error_no_memory(error, "starting threads");
    work->next_file = begin;
    work->end_file = end;
    int count = start_threads(work, threads, (unsigned)wanted, error);
    if (count > 0)
        watch(work, line);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    if (count < 0)
        return -1;
    if (atomic_load(work->interrupted))
        return interrupted(error);
    if (work->error.kind != DF_ERROR_NONE) {
        *error = work->error;
        return -1;
    }
    return 0;
}

/* ---- rows by day ---- */

static size_t day_of(const struct df_rr_row *row)
{
    return (size_t)(row->timestamp_ms / MS_PER_DAY - DAY_FIRST);
}

static int count_days(struct work *work, size_t counts[DAY_COUNT], struct df_error *error)
{
    struct df_rr_row rows[DF_RR_VISITOR_ROWS_MAX];
    for (uint64_t visitor = 0; visitor < (uint64_t)work->plan->visitors; visitor++) {
        if (visitor % VISITORS_PER_CHECK == 0 && should_stop(work))
            return interrupted(error);
        unsigned count = df_rr_visitor_rows((uint64_t)work->plan->seed, visitor, rows);
        for (unsigned i = 0; i < count; i++)
            counts[day_of(&rows[i])]++;
    }
    return 0;
}

/* Lays the rows of the days that belong to files [begin, end) side by side. file_of_day holds SIZE_MAX for other days;
 * the files' row_count are used as fill levels and end as what they were. */
static int fill_pass(struct work *work, const size_t file_of_day[DAY_COUNT], struct df_error *error)
{
    struct df_rr_row rows[DF_RR_VISITOR_ROWS_MAX];
    for (uint64_t visitor = 0; visitor < (uint64_t)work->plan->visitors; visitor++) {
        if (visitor % VISITORS_PER_CHECK == 0 && should_stop(work))
            return interrupted(error);
        unsigned count = df_rr_visitor_rows((uint64_t)work->plan->seed, visitor, rows);
        for (unsigned i = 0; i < count; i++) {
            size_t index = file_of_day[day_of(&rows[i])];
            if (index == SIZE_MAX)
                continue;
            struct file *file = &work->files[index];
            work->pass_rows[file->first_row + file->row_count++] = rows[i];
        }
    }
    return 0;
}

/* As many files from `begin` on as fit into one pass, at least one. */
static size_t plan_pass(struct work *work, size_t begin, const size_t *counts, const size_t *days,
                        size_t file_of_day[DAY_COUNT], size_t *rows)
{
    for (size_t day = 0; day < DAY_COUNT; day++)
        file_of_day[day] = SIZE_MAX;
    size_t end = begin;
    *rows = 0;
    for (; end < work->file_count && (end == begin || *rows + counts[days[end]] <= PASS_ROWS); end++) {
        work->files[end].first_row = *rows;
        work->files[end].row_count = 0;
        file_of_day[days[end]] = end;
        *rows += counts[days[end]];
    }
    return end;
}

static int make_pass(struct work *work, const size_t file_of_day[DAY_COUNT], size_t row_count, size_t begin, size_t end,
                     struct df_progress_line *line, struct df_error *error)
{
    size_t bytes;
    if (df_size_mul(&bytes, row_count, sizeof *work->pass_rows) == 0)
        work->pass_rows = malloc(bytes);
    if (!work->pass_rows)
        return df_error_no_memory(error, "making the rows of some days");
    int result = fill_pass(work, file_of_day, error);
    if (result == 0)
        result = make_range(work, begin, end, line, error);
    free(work->pass_rows);
    work->pass_rows = NULL;
    return result;
}

static void name_day(char name[40], size_t day)
{
    time_t seconds = (time_t)(DAY_FIRST + day) * (MS_PER_DAY / 1000);
    struct tm date;
    gmtime_r(&seconds, &date);
    strftime(name, 40, "part-%Y-%m-%d.parquet", &date);
}

static int alloc_files(struct work *work, size_t count, struct df_error *error)
{
    work->files = calloc(count, sizeof *work->files);
    if (!work->files)
        return df_error_no_memory(error, "naming files");
    work->file_count = count;
    atomic_store(&work->progress.parts_total, count);
    atomic_store(&work->progress.parts_known, true);
    return 0;
}

static int make_by_day(struct work *work, struct df_progress_line *line, struct df_error *error)
{
    size_t counts[DAY_COUNT] = {0}, days[DAY_COUNT], file_of_day[DAY_COUNT], file_count = 0;
    if (count_days(work, counts, error) < 0)
        return -1;
    for (size_t day = 0; day < DAY_COUNT; day++)
        if (counts[day] > 0)
            days[file_count++] = day;
    if (alloc_files(work, file_count, error) < 0)
        return -1;
    for (size_t i = 0; i < file_count; i++)
        name_day(work->files[i].name, days[i]);
    for (size_t begin = 0, end, rows; begin < file_count; begin = end) {
        end = plan_pass(work, begin, counts, days, file_of_day, &rows);
        if (make_pass(work, file_of_day, rows, begin, end, line, error) < 0)
            return -1;
    }
    return 0;
}

static int make_by_visitor(struct work *work, struct df_progress_line *line, struct df_error *error)
{
    if (alloc_files(work, (size_t)work->plan->parts, error) < 0)
        return -1;
    for (size_t i = 0; i < work->file_count; i++)
        snprintf(work->files[i].name, sizeof work->files[i].name, "part-%05zu.parquet", i);
    return make_range(work, 0, work->file_count, line, error);
}

/* ---- the folder ---- */

/* How many Parquet files are there; a folder that is not there has none. `refuse`: any is an error. */
static int count_files(struct df_store *store, const char *folder, bool refuse, bool *is_missing, uint64_t *count,
                       struct df_error *error)
{
    struct df_list_options options = {.pattern = "*.parquet", .recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    *count = 0;
    *is_missing = false;
    if (df_store_list_open(store, folder, &options, &listing, error) < 0) {
        *is_missing = error->kind == DF_ERROR_NOT_FOUND;
        return *is_missing ? 0 : -1;
    }
    int more;
    while ((more = df_store_list_next(listing, &object, error)) > 0) {
        (*count)++;
        bool is_file = strcmp(object.uri, folder) == 0;
        if (!refuse && !is_file)
            continue;
        more = is_file ? df_error_set(error, DF_ERROR_INVALID, "'%s' is a file: -o names a folder", folder)
                       : df_error_set(error, DF_ERROR_INVALID,
                                      "'%s' holds Parquet files already ('%s'): name another folder, or add --force",
                                      folder, object.uri);
        break;
    }
    df_store_list_close(listing);
    return more;
}

/* The folder that this run has made, when nothing is in it. */
static void remove_empty_folder(struct work *work)
{
    struct df_list_options options = {.recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    if (df_store_list_open(work->store, work->plan->folder, &options, &listing, NULL) < 0)
        return;
    bool is_empty = df_store_list_next(listing, &object, NULL) == 0;
    df_store_list_close(listing);
    struct df_buf prefix = {0};
    df_uri_join(&prefix, work->plan->folder, "");
    if (is_empty && !df_buf_failed(&prefix))
        df_store_remove_prefix(work->store, df_buf_text(&prefix), df_deadline_never(), NULL);
    df_buf_dispose(&prefix);
}

/* A part of a data set would be taken for all of it. */
static void remove_written(struct work *work)
{
    struct df_buf uri = {0};
    for (size_t i = 0; i < work->file_count; i++) {
        if (!work->files[i].is_written)
            continue;
        df_buf_clear(&uri);
        df_uri_join(&uri, work->plan->folder, work->files[i].name);
        df_store_remove(work->store, df_buf_text(&uri), df_deadline_never(), NULL);
    }
    df_buf_dispose(&uri);
    if (work->made_folder)
        remove_empty_folder(work);
}

/* ---- what is said at the end ---- */

/* A word of a shell: quoted when it is not plain. */
static void put_shell_word(struct df_buf *out, const char *word, bool ascii)
{
    bool plain = word[0] != '-';
    for (const char *c = word; *c; c++)
        plain = plain && ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                          strchr("/._-+:@%=", *c));
    df_buf_put_text(out, plain ? "" : "'");
    for (const char *c = word; *c;) {
        size_t size = strcspn(c, "'");
        df_text_put(out, df_slice_make(c, size), ascii);
        c += size;
        df_buf_put_text(out, *c ? "'\\''" : "");
        c += *c != '\0';
    }
    df_buf_put_text(out, plain ? "" : "'");
}

static int print_summary(struct df_cli *cli, const struct work *work, struct df_error *error)
{
    double seconds = (double)(df_time_mono_ns() - work->progress.started_mono_ns) / 1e9;
    struct df_buf out = {0};
    df_buf_put_text(&out, "wrote ");
    df_text_put_thousands(&out, work->progress.rows);
    df_buf_put_text(&out, " events of ");
    df_text_put_thousands(&out, (uint64_t)work->plan->visitors);
    df_buf_printf(&out, " visitor%s into %zu file%s (", work->plan->visitors == 1 ? "" : "s", work->file_count,
                  work->file_count == 1 ? "" : "s");
    df_buf_put_bytes(&out, (double)work->progress.bytes);
    df_buf_printf(&out, ") in %.1f s\n\nTry next:\n  dayfly funnel ", seconds);
    put_shell_word(&out, work->plan->folder, cli->ascii);
    df_buf_put_text(&out, " --step event=view --step event=addtocart --step event=transaction\n");
    int result = df_buf_failed(&out) ? df_error_no_memory(error, "writing the summary")
                                     : df_cli_write(cli, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

static void note_strangers(struct df_cli *cli, const struct work *work)
{
    struct df_error error;
    uint64_t count;
    bool is_missing;
    if (count_files(work->store, work->plan->folder, false, &is_missing, &count, &error) == 0 &&
        count > work->file_count)
        df_cli_note(cli, "%" PRIu64 " other Parquet files stay in '%s', and a query of that folder reads them too",
                    count - work->file_count, work->plan->folder);
}

/* ---- the command ---- */

static int read_plan(struct df_cli *cli, const struct df_cli_arguments *arguments, struct plan *plan,
                     struct df_error *error)
{
    const char *by = df_cli_value(arguments, "--by");
    *plan = (struct plan){.folder = df_cli_value(arguments, "--output"),
                          .visitors = 100000,
                          .parts = 8,
                          .seed = 1,
                          .by_day = by && strcmp(by, "day") == 0,
                          .force = df_cli_value(arguments, "--force") != NULL,
                          .threads = df_cli_threads(cli->config)};
    if (strcmp(arguments->operands[0], "retail") != 0)
        return df_error_set(error, DF_ERROR_INVALID, "there is no data set '%s': retail is the only one",
                            arguments->operands[0]);
    if (!plan->folder || !plan->folder[0])
        return df_error_set(error, DF_ERROR_INVALID, "-o FOLDER is missing: where the files go");
    if (by && !plan->by_day && strcmp(by, "user") != 0)
        return df_error_set(error, DF_ERROR_INVALID, "--by is user or day, found '%s'", by);
    if (plan->by_day && df_cli_value(arguments, "--parts"))
        return df_error_set(error, DF_ERROR_INVALID, "--parts does not go with --by day: each day is a file");
    if (df_cli_value_int(arguments, "--users", 1, INT64_C(1000000000), &plan->visitors, error) < 0 ||
        df_cli_value_int(arguments, "--parts", 1, 100000, &plan->parts, error) < 0 ||
        df_cli_value_int(arguments, "--seed", 0, INT64_MAX, &plan->seed, error) < 0)
        return -1;
    if (plan->parts > plan->visitors && df_cli_value(arguments, "--parts"))
        return df_error_set(error, DF_ERROR_INVALID, "--parts %" PRId64 " is more than --users %" PRId64, plan->parts,
                            plan->visitors);
    if (plan->parts > plan->visitors)
        plan->parts = plan->visitors;
    return 0;
}

static int make_all(struct df_cli *cli, struct work *work, struct df_error *error)
{
    uint64_t count;
    if (count_files(work->store, work->plan->folder, !work->plan->force, &work->made_folder, &count, error) < 0)
        return -1;
    struct df_progress_line line = df_cli_progress_line(cli);
    df_progress_start(&work->progress);
    int result = work->plan->by_day ? make_by_day(work, &line, error) : make_by_visitor(work, &line, error);
    if (line.fd >= 0)
        df_progress_wipe(&line);
    if (result < 0)
        remove_written(work);
    return result;
}

static void init_lock(struct work *work)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&work->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&work->lock, NULL);
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct plan plan;
    struct df_interrupt *interrupt = NULL;
    struct work work = {.plan = &plan};
    if (read_plan(cli, arguments, &plan, error) < 0 || df_interrupt_start(&interrupt, NULL, NULL, error) < 0)
        return -1;
    work.interrupted = df_interrupt_flag(interrupt);
    init_lock(&work);
    int result = df_store_create(&work.store, error);
    if (result == 0)
        result = make_all(cli, &work, error);
    df_interrupt_stop(interrupt);
    if (result == 0)
        result = print_summary(cli, &work, error);
    if (result == 0 && plan.force)
        note_strangers(cli, &work);
    df_store_free(work.store);
    pthread_cond_destroy(&work.ended);
    pthread_mutex_destroy(&work.lock);
    free(work.files);
    return result;
}

static const struct df_cli_flag flags[] = {
    {.name = "--output", .letter = 'o', .value_name = "FOLDER", .help = "where the files go; made when it is missing"},
    {.name = "--users", .value_name = "N", .help = "visitors, each with one to 300 events (default: 100000)"},
    {.name = "--by",
     .choices = "user|day",
     .help = "how events are spread over files: each user in one, or a file per day (default: user)"},
    {.name = "--parts", .value_name = "N", .help = "files, with --by user (default: 8)"},
    {.name = "--seed", .value_name = "N", .help = "another number gives another shop (default: 1)"},
    {.name = "--force", .help = "write into a folder that has Parquet files, over those of the same name"},
    {.option = "threads"},
};

const struct df_cli_command df_command_generate = {
    .name = "generate",
    .summary = "make event files to try things with",
    .usage = "retail -o FOLDER [--users N] [--by user|day]",
    .description = "Makes the Parquet files of a shop that never was: who viewed what, put it into\n"
                   "the cart, bought it, and when. The same flags give the same bytes everywhere.\n\n"
                   "Columns: timestamp (ms), visitorid, event (view, addtocart, transaction),\n"
                   "itemid, transactionid, categoryid, available, price, cryptic_attrs.\n\n"
                   "Examples:\n"
                   "  dayfly generate retail -o shop\n"
                   "  dayfly generate retail -o days --users 1000000 --by day\n",
    .operands = "DATASET",
    .operand_choices = "retail",
    .operands_minimum = 1,
    .operands_maximum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
};
