/* The few XML documents of S3 that are read: a flat walk by expat with limits on depth and size; no entities, no DTD.
 */
#ifndef DF_STORE_S3_XML_H
#define DF_STORE_S3_XML_H

#include "base/buf.h"
#include "base/error.h"

/* Called at the end of each element that has no element inside: parent and name without namespace, text as it is. Also
 * at the end of each other element, with text NULL. Anything but 0 ends the walk with that error. */
typedef int df_xml_fn(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error);

/* corrupt when it is no well-formed XML, nests deeper than 16, or declares a document type. */
int df_xml_walk(struct df_slice xml, df_xml_fn *fn, void *ctx, struct df_error *error);

#endif
