/* Objects that several processes write and that appear together: all of a set, or none.
 *
 *     coordinator                  workers                                one of them
 *     publication_begin(target)    upload_open(place/name), write …       publish(place, target, tokens)
 *       └► place                   upload_detach ─► token                   all names are there at once
 *     publication_end: what was not published is removed
 *
 * A token is text: it names what was written, and can travel to whoever publishes. Any number of attempts may write the
 * same name; those whose tokens are not published vanish. publish may be called again after it failed or its answer was
 * lost: what is done is not done twice.
 *
 * file://   The place is a hidden folder beside the target, ".NAME.dayfly-PID-N"; one rename makes it the target. The
 *           publication holds a lock on it (flock), by which the next one on the same target tells what a killed
 *           process left: that is removed by publication_begin, what is alive never.
 * s3://     The place is the target; uploads are multipart and nobody sees them before they are completed. An object
 *           ".dayfly-publishing" below the target says who writes there: only one at a time may. When it publishes it
 *           says which names: a publication that was killed in the middle is taken back by the next one.
 *
 * Names are those of files in one folder: no '/', and no '.' in front. Thread: any; one per publication. */
#ifndef DF_STORE_PUBLISH_H
#define DF_STORE_PUBLISH_H

#include "base/arena.h"
#include "store/store.h"

struct df_store_publication;

/* Fails with conflict when something is in the target already (or, s3://, somebody is writing there), and with invalid
 * when it is a file or a folder that a rename cannot replace. Missing folders above a target are made. */
int df_store_publication_begin(struct df_store *store, const char *target, struct df_store_publication **publication,
                               struct df_error *error);
/* Where uploads of this publication are opened: df_uri_join(place, name). */
const char *df_store_publication_place(const struct df_store_publication *publication);
/* Removes what was written and not published; frees. NULL is fine. */
void df_store_publication_end(struct df_store_publication *publication);

/* Ends an upload without making it visible; appends its token (printable text). Frees it, also when it fails. */
int df_store_upload_detach(struct df_store_upload *upload, struct df_buf *token, struct df_error *error);

/* Makes exactly these visible. Fails with conflict when the target was filled in the meantime, or what a token names
 * is gone; then nothing of them is to be seen once the publication has ended. */
int df_store_publish(struct df_store *store, const char *place, const char *target, const struct df_slice *tokens,
                     size_t token_count, struct df_error *error);

/* Gives up what one token names. Best effort: publication_end does the rest. */
void df_store_discard(struct df_store *store, const char *place, struct df_slice token);

/* ---- tokens, for backends ---- */

struct df_json;

struct df_store_token {
    const char *name;            /* checked: of a file in one folder */
    const char *aside;           /* file://: the name it has now */
    const char *upload;          /* s3://: the upload's id */
    const struct df_json *etags; /* s3://: of its parts, texts */
    uint64_t size_bytes;
};
/* Of text that df_store_upload_detach made; strings live in the arena. Fails with corrupt. */
int df_store_token_parse(struct df_slice text, struct df_arena *arena, struct df_store_token *token,
                         struct df_error *error);

#endif
