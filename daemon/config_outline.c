#include "daemon/config_outline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH = 4 };  /* document mapping, section or list, list entry, and one level to see what is too deep */

struct frame {
    bool mapping;
    bool expects_value;      /* of a mapping: the key has been seen */
    uint32_t entry;          /* of a list: index of the entry that comes next */
    char path[OUTLINE_PATH]; /* of the mapping or list; "" for the document */
    char key[OUTLINE_PATH];  /* of a mapping: path of the key seen last */
};
struct walk {
    size_t depth;            /* collections that are open; frames exist for the first DEPTH only */
    struct frame frames[DEPTH];
    size_t capacity;
    struct config_outline outline;
};

static bool add_key(struct walk *w, const char *path, uint32_t line) {
    struct config_outline *o = &w->outline;
    if (o->n == w->capacity) {
        size_t more = w->capacity ? 2 * w->capacity : 64;
        struct outline_key *keys = realloc(o->keys, more * sizeof *keys);
        if (keys == NULL)
            return false;
        o->keys = keys;
        w->capacity = more;
    }
    struct outline_key *k = &o->keys[o->n++];
    snprintf(k->path, sizeof k->path, "%s", path);
    k->line = line;
    return true;
}

static struct frame *top_frame(struct walk *w) {
    return w->depth > 0 && w->depth <= DEPTH ? &w->frames[w->depth - 1] : NULL;
}

/* key NULL: the path of a list's next entry. */
static void join_path(char out[OUTLINE_PATH], const struct frame *in, const char *key) {
    int n = key != NULL ? snprintf(out, OUTLINE_PATH, "%s%s%s", in->path, in->path[0] ? "." : "", key)
                        : snprintf(out, OUTLINE_PATH, "%s[%u]", in->path, in->entry);
    if (n >= OUTLINE_PATH)
        memcpy(out + OUTLINE_PATH - 4, "...", 4);
}

/* A scalar or the start of a collection: a key, a value, or an entry. `path` receives the path of what it is the value of. */
static bool take_node(struct walk *w, const char *scalar, uint32_t line, char path[OUTLINE_PATH]) {
    struct frame *top = top_frame(w);
    path[0] = '\0';
    if (top == NULL)
        return true;
    if (top->mapping && !top->expects_value) {
        join_path(path, top, scalar ? scalar : "?");
        memcpy(top->key, path, OUTLINE_PATH);
        top->expects_value = true;
        return add_key(w, top->key, line);
    }
    if (top->mapping) {
        top->expects_value = false;
        memcpy(path, top->key, OUTLINE_PATH);
        return true;
    }
    join_path(path, top, NULL);
    top->entry++;
    return add_key(w, path, line);
}

static bool open_collection(struct walk *w, bool mapping, uint32_t line) {
    char path[OUTLINE_PATH];
    if (!take_node(w, NULL, line, path))
        return false;
    if (++w->depth <= DEPTH) {
        struct frame *f = top_frame(w);
        *f = (struct frame){ .mapping = mapping };
        memcpy(f->path, path, sizeof f->path);
    }
    return true;
}

/* Returns false when memory is short. */
static bool take_event(struct walk *w, const yaml_event_t *event, uint32_t line) {
    char path[OUTLINE_PATH];
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_node(w, (const char *)event->data.scalar.value, line, path);
    case YAML_ALIAS_EVENT:
        return take_node(w, "*", line, path);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(w, event->type == YAML_MAPPING_START_EVENT, line);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        w->depth--;
        return true;
    default:
        return true;
    }
}

static int by_path_then_line(const void *a, const void *b) {
    const struct outline_key *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static bool walk_events(yaml_parser_t *parser, struct walk *w, struct complaint *why) {
    unsigned documents = 0;
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            complaint_set(why, parser->problem_offset, (uint32_t)parser->problem_mark.line + 1, "not YAML: %s; strings with special characters need quotes, and indents are spaces",
                          parser->problem ? parser->problem : "out of memory");
            return false;
        }
        uint32_t line = (uint32_t)event.start_mark.line + 1;
        bool end = event.type == YAML_STREAM_END_EVENT;
        bool second = event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1;
        bool taken = take_event(w, &event, line);
        yaml_event_delete(&event);
        if (second)
            complaint_set(why, 0, line, "a second YAML document begins here; a config file is one document: remove the '---'");
        if (!taken)
            complaint_set(why, 0, line, "out of memory");
        if (second || !taken)
            return false;
        if (end)
            break;
    }
    w->outline.empty = documents == 0;
    return true;
}

bool config_outline_read(const uint8_t *bytes, size_t n, struct config_outline *out, struct complaint *why) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        complaint_set(why, 0, 0, "out of memory");
        return false;
    }
    yaml_parser_set_input_string(&parser, bytes, n);
    struct walk w = { 0 };
    bool good = walk_events(&parser, &w, why);
    yaml_parser_delete(&parser);
    if (!good) {
        config_outline_done(&w.outline);
        return false;
    }
    if (w.outline.n > 0)
        qsort(w.outline.keys, w.outline.n, sizeof w.outline.keys[0], by_path_then_line);
    *out = w.outline;
    return true;
}

void config_outline_done(struct config_outline *o) {
    free(o->keys);
    *o = (struct config_outline){ 0 };
}

uint32_t config_outline_line(const struct config_outline *o, const char *path) {
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->keys[i].path, path) == 0)
            return o->keys[i].line;
    return 0;
}
