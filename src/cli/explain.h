/* How a question was answered: the engine's report (engine.h, `explain`), for people and for programs. Pure. */
#ifndef DF_CLI_EXPLAIN_H
#define DF_CLI_EXPLAIN_H

#include "base/json_write.h"
#include "cli/chart.h"
#include "cli/run.h"

/* A line per fact, cut to the terminal. Fails with unsupported when the engine made no report. */
int df_explain_put_text(const struct df_cli_answer *answer, const struct df_chart_style *style, struct df_buf *out,
                        struct df_error *error);
/* The object as the engine wrote it, and a line break. */
int df_explain_put_json(const struct df_cli_answer *answer, enum df_json_style style, struct df_buf *out,
                        struct df_error *error);

/* "taking column 'timestamp' as milliseconds (--time-unit says otherwise)"; false, and nothing put, when the unit was
 * not guessed. time: the column; NULL: of a registered data set. */
bool df_explain_put_guess(const struct df_cli_answer *answer, const char *time, struct df_buf *out);
/* The same to standard error. */
void df_explain_note_guess(struct df_cli *cli, const struct df_cli_answer *answer, const char *time);

/* The member "skippedFiles" of the statistics, when the question allowed files to be left out. */
void df_explain_put_skipped_files(const struct df_cli_answer *answer, struct df_json_writer *writer);
/* To standard error: how many files were left out, and the first of them with what is wrong. Nothing when none was. */
void df_explain_note_skipped_files(struct df_cli *cli, const struct df_cli_answer *answer);

#endif
